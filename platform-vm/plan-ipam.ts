/**
 * Decides, for a pool under IPAM, out of which network each NIC's address is reserved and for whom, and how NetBox is reached.
 * Pure. Messages keep the words of the runbook, which operators search for.
 */
import type { ReportProblem } from "../lib/config/strict.ts";
import type { Netbox } from "../lib/contracts/netbox.ts";
import type { Site, SiteNetwork } from "../lib/contracts/site.ts";
import { customFields } from "../lib/netbox/names.ts";
import { type StaticPool, staticPool } from "../lib/netbox/static-pool.ts";
import { contains, isCidr } from "../lib/network/ipv4.ts";
import type { SshTarget } from "../lib/ssh/dial.ts";
import type { PlatformVmConfig } from "./config.ts";
import { placements } from "./placements/index.ts";
import type { PlannedIpam, PlannedNic, RequestedVm } from "./planned.ts";

/** What there is around a pool under IPAM. */
export interface IpamSurroundings {
  site: Site | undefined;
  env: string;
  /** `<project>/<stack>`. */
  stack: string;
  /** The NetBox that was made ready; absent where none is named. */
  netbox: Netbox | undefined;
}

/** Reports what is wrong with where addresses come from. */
export function checkAddressing(config: PlatformVmConfig, report: ReportProblem): void {
  const { addressing } = config;
  const staticMode = "set require_ipam to false, and addressing.mode to static, for addresses of your own";
  if (config.require_ipam === "true") {
    if (!addressing) report("addressing", `inputs.addressing is required when inputs.require_ipam=true; ${staticMode}`);
    else if (addressing.mode !== "ipam") {
      report("addressing", `inputs.addressing.mode must be ipam when inputs.require_ipam=true; ${staticMode}`);
    }
  }
  if (addressing?.mode === "ipam" && !addressing.ipam) {
    report("addressing", "inputs.addressing.ipam must be a mapping when inputs.addressing.mode=ipam");
  }
  if (addressing?.mode !== "ipam" && addressing?.ipam) {
    report("addressing", "inputs.addressing.ipam is only allowed when inputs.addressing.mode=ipam");
  }
}

/** The authority, where the pool is under one. */
export function planIpam(
  config: PlatformVmConfig,
  { site, env, stack, netbox }: IpamSurroundings,
  report: ReportProblem,
): PlannedIpam | undefined {
  const settings = config.addressing?.mode === "ipam" ? config.addressing.ipam : undefined;
  if (!settings) return undefined;
  if (env === "") report("env", "is required with addressing.mode=ipam; pulumi config set env <environment>");
  if (!site) {
    report(
      "site.stack",
      "is required with addressing.mode=ipam: the site contract has the subnets; pulumi config set site.stack <stack of the foundation>",
    );
  }
  if (config["netbox.file"] === undefined) {
    report(
      "netbox.file",
      "addressing.mode=ipam fails with missing NetBox details: ipam requires netbox ready: netbox state not found (run: holdfast netbox bootstrap --url <URL of NetBox> --file <file>), then pulumi config set netbox.file <file>",
    );
  }
  if (config["netbox.token"] === undefined) {
    report(
      "netbox.token",
      `inputs.addressing.mode=ipam requires NETBOX_API_TOKEN. Run: holdfast secrets ensure ${stack}, which stores it as netbox.token`,
    );
  }
  const lacks = customFields.map(({ name }) => name).filter((name) => netbox && !netbox.customFields.includes(name));
  if (lacks.length > 0) {
    report(
      "netbox.file",
      `is of a NetBox that was made ready for an older holdfast, without ${lacks.join(", ")}; run again: holdfast netbox bootstrap --url ${netbox?.url} --file <file>`,
    );
  }
  const stated = site?.authorities.netbox?.url.replace(/\/+$/, "");
  if (netbox && stated !== undefined && stated !== netbox.url) {
    report("netbox.file", `is of the NetBox at ${netbox.url}, and the site's is at ${stated}; bootstrap that one`);
  }
  return {
    url: netbox?.url ?? "",
    jumps: jumpsTo(config, site, stack),
    cluster: config["netbox.cluster"] ?? `${site?.zone ?? ""}-${env}`,
    releaseOnDelete: settings.release_on_destroy,
    quarantineSeconds: settings.quarantine_s,
  };
}

/** The explicit jump host, or the placement's own. */
function jumpsTo(config: PlatformVmConfig, site: Site | undefined, stack: string): SshTarget[] {
  const { ssh_proxy_jump_host: host, ssh_proxy_jump_user: user, ssh_proxy_jump_port: port } = config;
  const bastion = placements[config.placement].bastion(config, site);
  return [
    ...(host === undefined ? [] : [{ host, port, user, stack }]),
    ...(bastion ? [{ ...bastion, user: "root", stack }] : []),
  ];
}

/**
 * The VMs with their addresses left to IPAM: every NIC gets one, the first one the subnet's gateway.
 * @param site whose networks have the subnets; without one nothing can be decided, which has been said.
 */
export function underIpam(
  vms: readonly RequestedVm[],
  { site, env }: { site: Site | undefined; env: string },
  report: ReportProblem,
): RequestedVm[] {
  if (!site) return [...vms];
  const addressPools = new Map<string, StaticPool | undefined>();
  return vms.map((vm) => ({
    ...vm,
    nics: vm.nics.map((nic, index): PlannedNic => {
      const network = networkOf(nic, site.networks);
      const where = `inputs.vms[${vm.key}].interfaces[${index + 1}]`;
      if (!network) {
        const known = [...new Set(site.networks.map(({ bridge }) => bridge))].sort().join(", ");
        const from = `the site contract. Known vnets: [${known}]`;
        report("vms", `${where}: ipam cannot map bridge='${nic.bridge}' to a subnet from ${from}`);
        return nic;
      }
      const found = `${network.bridge} ${network.vlan ?? ""}`;
      if (!addressPools.has(found)) addressPools.set(found, addressPoolOf(network, report));
      const pool = addressPools.get(found);
      if (!pool) return nic;
      for (const problem of nicProblems(nic, index, pool)) report("vms", `${where}.${problem}`);
      const identity = { zone: site.zone, env, vm: vm.key, bridge: nic.bridge, nic: index + 1 };
      const { address, gateway: _, ...rest } = nic;
      const explicit = address === undefined || address === "dhcp" ? {} : { address };
      return {
        ...rest,
        ...(index === 0 ? { gateway: pool.gateway } : {}),
        reservation: { identity, pool, ...explicit },
      };
    }),
  }));
}

function networkOf({ bridge, vlanId }: PlannedNic, networks: readonly SiteNetwork[]): SiteNetwork | undefined {
  const ofBridge = networks.filter((network) => network.bridge === bridge);
  return ofBridge.find(({ vlan }) => vlan === vlanId) ?? (ofBridge.length === 1 ? ofBridge[0] : undefined);
}

function addressPoolOf(network: SiteNetwork, report: ReportProblem): StaticPool | undefined {
  const found = staticPool(network);
  if ("problems" in found) {
    for (const problem of found.problems) report("vms", problem);
    return undefined;
  }
  return found;
}

function nicProblems({ address, gateway, bridge }: PlannedNic, index: number, pool: StaticPool): string[] {
  const remove = "Remove ipv4.address and let NetBox allocate it";
  const problems: string[] = [];
  if (gateway !== undefined && (index > 0 || gateway !== pool.gateway)) {
    const right = index > 0 ? "only interfaces[1] has one" : `the subnet of ${bridge} has ${pool.gateway}`;
    problems.push(`ipv4.gateway ${gateway} is not that of IPAM: ${right}; remove it`);
  }
  if (address === "dhcp") problems.push(`ipv4.address must not be dhcp when inputs.addressing.mode=ipam. ${remove}`);
  else if (address !== undefined && isCidr(address)) {
    const [host = "", length] = address.split("/");
    if (!contains(pool.subnet, host) || pool.subnet.split("/")[1] !== length) {
      problems.push(
        `ipv4.address: explicit IPAM address ${address} is outside the authoritative subnet ${pool.subnet}. ${remove}`,
      );
    }
  }
  return problems;
}
