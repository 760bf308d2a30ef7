/**
 * The VMs that a pool's configuration asks for: each with its NICs, its name and its sizes, as every placement has them. Pure.
 * Messages keep the words of the runbook, which operators search for.
 */

import { resolveBridge, unknownBridge } from "../components/pool/bridges.ts";
import type { VmInput } from "../components/pool/inputs.ts";
import { interfaceProblems, type NetworkInterface, sharedAddresses } from "../components/pool/interfaces.ts";
import { logicalName, namePrefix, planNames } from "../components/pool/names.ts";
import type { ReportProblem } from "../lib/config/strict.ts";
import type { Site } from "../lib/contracts/site.ts";
import type { PlatformVmConfig } from "./config.ts";
import type { PlannedNic, RequestedVm } from "./planned.ts";

/** What the configuration says of a VM, by its logical name. */
interface VmEntry {
  key: string;
  input: VmInput;
}

/** The VMs that the configuration asks for. */
export function vmEntries(config: PlatformVmConfig, report: ReportProblem): VmEntry[] {
  const named = Object.entries(config.vms).map(([key, input]) => ({ key, input }));
  if (named.length > 0 && config.vm_name !== undefined) {
    report("vm_name", "is set beside vms; it is the shorthand for a pool of one, say in one way only what is wanted");
  }
  if (named.length === 0 && config.vm_name === undefined) {
    report(
      "vms",
      "either inputs.vms (non-empty map) or inputs.vm_name is required; see stacks/platform-vm/Pulumi.min.yaml for a pool",
    );
  }
  const alone = config.vm_name === undefined ? [] : [{ key: config.vm_name, input: shorthand(config) }];
  const entries = named.length > 0 ? named : alone;
  for (const { key } of entries) {
    if (!logicalName.test(key)) report("vms", `inputs.vms.${key} must match ${logicalName.source}`);
  }
  return entries;
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

/** Those VMs with everything that is decided before their placement is asked, or problems. */
export function requestedVms(
  entries: readonly VmEntry[],
  config: PlatformVmConfig,
  about: { site: Site | undefined; env: string },
  report: ReportProblem,
): RequestedVm[] {
  const wired = wiredVms(entries, config, about, report);
  const names = physicalNames(entries, config, about.env, report);
  return wired.map(({ key, input, nics }) => {
    const role = input.role ?? config.vm_role;
    return {
      key,
      name: names[key] ?? key,
      role,
      cpuCores: input.cpu_cores ?? config.cpu_cores,
      memoryMb: input.memory_mb ?? config.memory_mb,
      diskGb: input.disk_size_gb ?? config.disk_size_gb,
      nics,
      tags: [...new Set([...(input.tags ?? config.tags), role].map((tag) => tag.toLowerCase()))].sort(),
      onBoot: input.on_boot ?? config.on_boot === "true",
      protect: input.protect ?? false,
      input,
    };
  });
}

/** Every VM with its NICs, their bridges resolved; without any where there is a problem. */
function wiredVms(
  entries: readonly VmEntry[],
  config: PlatformVmConfig,
  { site, env }: { site: Site | undefined; env: string },
  report: ReportProblem,
): (VmEntry & { nics: PlannedNic[] })[] {
  const ipam = config.addressing?.mode === "ipam";
  const wanted = entries.map((entry) => ({ ...entry, interfaces: entry.input.interfaces ?? config.interfaces }));
  const wired = wanted.map(({ key, input, interfaces }) => {
    const where = `inputs.vms[${key}].interfaces`;
    if (interfaces.length === 0) {
      report("vms", `${where} is required when module-level inputs.interfaces is empty`);
      return { key, input, nics: [] };
    }
    for (const problem of interfaceProblems(where, interfaces, ipam)) report("vms", problem);
    const nics = interfaces.map((nic, index) => {
      const found = resolveBridge(nic.bridge, env);
      const bridge = "bridge" in found ? found.bridge : nic.bridge;
      const problem = "problem" in found ? found.problem : unknownBridge(bridge, site?.networks ?? []);
      if (problem) report("vms", `${where}[${index + 1}].bridge: ${problem}`);
      return plannedNic({ ...nic, bridge });
    });
    return { key, input, nics };
  });
  const byKey = Object.fromEntries(wanted.map(({ key, interfaces }) => [key, interfaces]));
  for (const problem of sharedAddresses(byKey)) report("vms", problem);
  return wired;
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

/** Physical names by logical name, or problems. */
function physicalNames(
  entries: readonly VmEntry[],
  config: PlatformVmConfig,
  env: string,
  report: ReportProblem,
): Record<string, string> {
  const named = planNames(
    // What is wrong with a logical name has been said.
    entries.filter(({ key }) => logicalName.test(key)).map(({ key, input }) => ({ key, vmName: input.vm_name })),
    namePrefix({ namePrefix: config.name_prefix, contextId: config.context_id, env }),
  );
  if ("names" in named) return named.names;
  for (const { key, reason } of named.problems) report(key, reason);
  return {};
}
