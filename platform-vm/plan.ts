/**
 * Decides everything about a pool from its configuration and, where there is one, the site contract. Pure. Messages keep the
 * words of the runbook, which operators search for.
 */

import { resolveBridge, unknownBridge } from "../components/pool/bridges.ts";
import type { ReadinessSettings, VmInput } from "../components/pool/inputs.ts";
import { interfaceProblems, type NetworkInterface, sharedAddresses } from "../components/pool/interfaces.ts";
import { logicalName, namePrefix, planNames } from "../components/pool/names.ts";
import type { ReplacePermission } from "../components/pool/vm-set.ts";
import { planOwner } from "../lib/config/site-keys.ts";
import { ConfigError, type ConfigOf, type Problem, type ReportProblem } from "../lib/config/strict.ts";
import type { Netbox } from "../lib/contracts/netbox.ts";
import type { Site } from "../lib/contracts/site.ts";
import type { SshTarget } from "../lib/ssh/dial.ts";
import type { platformVmConfig } from "./config.ts";
import { checkPlacementKeys } from "./placement.ts";
import { checkAddressing, type PlannedIpam, type PlannedReservation, planIpam, underIpam } from "./plan-ipam.ts";
import { type LibvirtPart, type LibvirtPlannedVm, planOnLibvirt } from "./plan-libvirt.ts";
import { type ProxmoxPart, type ProxmoxPlannedVm, planOnProxmox } from "./plan-proxmox.ts";
import { sshRoutesTo } from "./ssh-routes.ts";

/** Values of the configuration. */
export type PlatformVmConfig = ConfigOf<typeof platformVmConfig>;

/** A network card, its bridge resolved. */
export interface PlannedNic {
  bridge: string;
  vlanId?: number;
  macAddress?: string;
  /** With prefix length, or `dhcp`; absent: no address of ours, or one that is reserved. */
  address?: string;
  gateway?: string;
  /** Under IPAM: what is reserved for it. */
  reservation?: PlannedReservation;
}

/** A VM, decided. */
export interface PlannedVm {
  /** Logical name. */
  key: string;
  /** Physical name. */
  name: string;
  role: string;
  cpuCores: number;
  memoryMb: number;
  diskGb: number;
  nics: PlannedNic[];
  /** Lower case, sorted, each once. */
  tags: string[];
  onBoot: boolean;
  protect: boolean;
}

/** What a pool's plan has wherever its VMs stand. */
interface Pool<Vm extends PlannedVm> {
  owner: string;
  env: string;
  vms: Vm[];
  permission: ReplacePermission;
  readiness: ReadinessSettings & { user: string };
  jump?: SshTarget;
  bastion?: SshTarget;
  /** The authority over its addresses; absent: they are static. */
  ipam?: PlannedIpam;
}

/** A pool on Proxmox VE, decided. */
export type ProxmoxPlan = Pool<ProxmoxPlannedVm> & ProxmoxPart & { placement: "proxmox" };

/** A pool on a libvirt host, decided. */
export type LibvirtPlan = Pool<LibvirtPlannedVm> & LibvirtPart & { placement: "libvirt" };

/** A pool, decided. */
export type PoolPlan = ProxmoxPlan | LibvirtPlan;

/** The VMs that a configuration asks for, by logical name. */
export type VmInputs = Record<string, VmInput>;

/**
 * @param place project and stack of the running program.
 * @param hyopsEnv the environment variable HYOPS_ENV; empty where it is not set.
 * @param netbox the NetBox that was made ready, where the pool is under IPAM.
 * @throws one error with everything that does not fit together.
 */
export function planPool(
  config: PlatformVmConfig,
  site: Site | undefined,
  place: { project: string; stack: string },
  hyopsEnv = "",
  netbox?: Netbox,
): PoolPlan {
  const problems: Problem[] = [];
  const report: ReportProblem = (key, reason) => problems.push({ key, reason });
  const stack = `${place.project}/${place.stack}`;
  const env = environment(config, site, hyopsEnv, report);
  checkPlacementKeys(config, report);
  checkAddressing(config, report);
  const inputs = requestedVms(config, report);
  const ipam = planIpam(config, { site, env, stack, netbox }, report);
  const nics = resolvedNics(inputs, config, site, env, report);
  const prefix = namePrefix({ namePrefix: config.name_prefix, contextId: config.context_id, env });
  const named = planNames(
    // What is wrong with a logical name has been said.
    Object.entries(inputs)
      .filter(([key]) => logicalName.test(key))
      .map(([key, vm]) => ({ key, vmName: vm.vm_name })),
    prefix,
  );
  const names = "names" in named ? named.names : {};
  if ("problems" in named) problems.push(...named.problems);
  const wanted = Object.entries(inputs).map(([key, vm]) =>
    plannedVm(key, vm, names[key] ?? key, nics[key] ?? [], config),
  );
  const vms = ipam ? underIpam(wanted, { site, env }, report) : wanted;
  const part =
    config.placement === "libvirt"
      ? planOnLibvirt(config, inputs, vms, stack, report)
      : planOnProxmox(config, inputs, vms, { site, env, stack }, report);
  const owner = planOwner(config, site, place, report);
  if (problems.length > 0) throw new ConfigError(place.project, place.stack, problems);
  const { post_apply_ssh_readiness: readiness } = config;
  return {
    ...part,
    owner,
    env,
    permission: permissionOf(config.allow_vm_set_replace),
    readiness: { ...readiness, user: readiness.target_user ?? config.ssh_username },
    ...sshRoutesTo(config, site, stack),
    ...(ipam ? { ipam } : {}),
  };
}

/** The environment is said, never guessed from a name; two who say different things are an error. */
function environment(
  config: PlatformVmConfig,
  site: Site | undefined,
  hyopsEnv: string,
  report: ReportProblem,
): string {
  if (config.env && hyopsEnv && config.env !== hyopsEnv) {
    report("env", `is ${config.env}, and HYOPS_ENV says ${hyopsEnv}; unset it, or use the stack of that environment`);
  }
  return config.env ?? (hyopsEnv || site?.env || "");
}

/** The VMs that the configuration asks for, by logical name. */
function requestedVms(config: PlatformVmConfig, report: ReportProblem): Record<string, VmInput> {
  const pool = Object.entries(config.vms);
  if (pool.length > 0 && config.vm_name !== undefined) {
    report("vm_name", "is set beside vms; it is the shorthand for a pool of one, say in one way only what is wanted");
  }
  if (pool.length === 0 && config.vm_name === undefined) {
    report(
      "vms",
      "either inputs.vms (non-empty map) or inputs.vm_name is required; see stacks/platform-vm/Pulumi.min.yaml for a pool",
    );
  }
  const vms =
    pool.length > 0 ? pool : config.vm_name !== undefined ? [[config.vm_name, shorthand(config)] as const] : [];
  for (const [key] of vms) {
    if (!logicalName.test(key)) report("vms", `inputs.vms.${key} must match ${logicalName.source}`);
  }
  return Object.fromEntries(vms);
}

function shorthand(config: PlatformVmConfig): VmInput {
  const { vm_id, vm_bridge, vm_ipv4_cidr: address, vm_gateway: gateway, vm_mac } = config;
  const ipv4 = { ...(address === undefined ? {} : { address }), ...(gateway === undefined ? {} : { gateway }) };
  const nic: NetworkInterface | undefined =
    vm_bridge === undefined
      ? undefined
      : {
          bridge: vm_bridge,
          ...(vm_mac === undefined ? {} : { mac_address: vm_mac }),
          ...(Object.keys(ipv4).length > 0 ? { ipv4 } : {}),
        };
  return { ...(vm_id === undefined ? {} : { vm_id }), ...(nic ? { interfaces: [nic] } : {}) };
}

/** The cards of every VM with their bridges resolved, or problems. */
function resolvedNics(
  vms: Record<string, VmInput>,
  config: PlatformVmConfig,
  site: Site | undefined,
  env: string,
  report: ReportProblem,
): Record<string, PlannedNic[]> {
  const wanted = Object.fromEntries(
    Object.entries(vms).map(([key, vm]) => [key, vm.interfaces ?? config.interfaces] as const),
  );
  const resolved: Record<string, PlannedNic[]> = {};
  for (const [key, nics] of Object.entries(wanted)) {
    if (nics.length === 0) {
      report("vms", `inputs.vms[${key}].interfaces is required when module-level inputs.interfaces is empty`);
      continue;
    }
    const where = `inputs.vms[${key}].interfaces`;
    const ipam = config.addressing?.mode === "ipam";
    for (const problem of interfaceProblems(where, nics, ipam)) report("vms", problem);
    resolved[key] = nics.map((nic, index) => {
      const found = resolveBridge(nic.bridge, env);
      const bridge = "bridge" in found ? found.bridge : nic.bridge;
      const problem = "problem" in found ? found.problem : unknownBridge(bridge, site?.networks ?? []);
      if (problem) report("vms", `${where}[${index + 1}].bridge: ${problem}`);
      return plannedNic({ ...nic, bridge });
    });
  }
  for (const problem of sharedAddresses(wanted)) report("vms", problem);
  return resolved;
}

function plannedNic({ bridge, vlan_id, mac_address, ipv4 }: NetworkInterface): PlannedNic {
  const address = ipv4?.address?.toLowerCase() === "dhcp" ? "dhcp" : ipv4?.address;
  return {
    bridge,
    ...(vlan_id === undefined ? {} : { vlanId: vlan_id }),
    ...(mac_address === undefined ? {} : { macAddress: mac_address.toUpperCase() }),
    ...(address === undefined ? {} : { address }),
    ...(ipv4?.gateway === undefined ? {} : { gateway: ipv4.gateway }),
  };
}

function plannedVm(key: string, vm: VmInput, name: string, nics: PlannedNic[], config: PlatformVmConfig): PlannedVm {
  const role = vm.role ?? config.vm_role;
  return {
    key,
    name,
    role,
    cpuCores: vm.cpu_cores ?? config.cpu_cores,
    memoryMb: vm.memory_mb ?? config.memory_mb,
    diskGb: vm.disk_size_gb ?? config.disk_size_gb,
    nics,
    tags: [...new Set([...(vm.tags ?? config.tags), role].map((tag) => tag.toLowerCase()))].sort(),
    onBoot: vm.on_boot ?? config.on_boot === "true",
    protect: vm.protect ?? false,
  };
}

function permissionOf(text: string): ReplacePermission {
  return text === "true" || text === "false" ? text === "true" : text;
}
