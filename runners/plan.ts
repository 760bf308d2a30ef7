/**
 * Decides everything about a runner from its configuration and, where there is one, the site contract. Pure.
 */
import { isIPv6 } from "node:net";
import { knownMachines, planEgress } from "../components/fence/policy.ts";
import type { Execution } from "../components/runner/plan.ts";
import type { Network } from "../components/vm/cloud-init.ts";
import { planNetwork } from "../components/vm/plan.ts";
import { refusal, type Taken, takenBySite } from "../components/vm/whereabouts.ts";
import { libvirtHost } from "../lib/config/libvirt-keys.ts";
import { planOwner } from "../lib/config/site-keys.ts";
import { ConfigError, type ConfigOf, type Problem } from "../lib/config/strict.ts";
import type { Fleet } from "../lib/contracts/fleet.ts";
import type { Site, SiteNetwork } from "../lib/contracts/site.ts";
import { forgejoCommand } from "../lib/forge/forgejo-command.ts";
import { hostOf } from "../lib/network/address.ts";
import { labelName, runsBesideRunner } from "../lib/runner-labels.ts";
import type { SshTarget } from "../lib/ssh/dial.ts";
import type { EgressPolicy } from "../resources/egress-policy.ts";
import type { runnersConfig } from "./config.ts";

/** Values of the configuration. */
export type RunnersConfig = ConfigOf<typeof runnersConfig>;

/** A runner stack, decided. */
export interface RunnerPlan {
  owner: string;
  name: string;
  host: SshTarget;
  /** Where the forge is: its URL, or an address at which to ask. */
  forge: { url: string } | { address: string };
  /** The forge host, when registration goes over SSH on it. */
  forgeHost: (Omit<SshTarget, "host"> & { command: string }) | undefined;
  /** Address of the forge host; empty: the host in the forge's URL. */
  forgeHostAddress: string | undefined;
  network: Network;
  /** Static address of the VM; undefined with DHCP. */
  address: string | undefined;
  execution: Execution;
  /** Addresses that are no VM's, each with whose it is. */
  siteAddresses: Taken;
  /** What jobs may reach, once the forge's URL is known; undefined: everything that the VM can. */
  egress: ((forgeUrl: string) => EgressPolicy) | undefined;
  /** What the fence knows the VM by: its static address, or the machines that it must not pass itself off as. */
  identity: (policy: EgressPolicy) => { address?: string; known: string[] };
  mode: Fleet["mode"];
  /** Names of the labels, as jobs ask for them. */
  labelNames: string[];
  /** What is allowed and has a price that should be known. */
  warnings: string[];
}

/**
 * @param place project and stack of the running program.
 * @throws one error with everything that does not fit together.
 */
export function planRunnerStack(
  config: RunnersConfig,
  site: Site | undefined,
  place: { project: string; stack: string },
): RunnerPlan {
  const problems: Problem[] = [];
  const report = (key: string, reason: string) => problems.push({ key, reason });
  const owner = planOwner(config, site, place, report);
  const url = config["forge.url"] ?? site?.authorities.forge?.url.replace(/\/+$/, "");
  const address = config["forge.address"] ?? site?.authorities.forge?.address;
  if (!url && !address)
    report("forge.address", "is required: pulumi config set forge.address <address of the forge host>");
  const fenced = config["runner.egress.policy"] === "fenced";
  if (fenced && isIPv6(url ? hostOf(url) : (address ?? ""))) {
    report(
      "runner.egress.policy",
      "closes IPv6, and the forge is an IPv6 address; give its name or IPv4 address, or set it to open",
    );
  }
  if (config["forge.ssh.command"] && config["forge.ssh.forgejoConfig"]) {
    report(
      "forge.ssh.forgejoConfig",
      "is not used beside forge.ssh.command: put `--config <file>` into that, or remove one",
    );
  }
  if (Boolean(config["runner.binary.url"]) !== Boolean(config["runner.binary.sha256"])) {
    report(
      config["runner.binary.url"] ? "runner.binary.sha256" : "runner.binary.url",
      "is required: the two belong together",
    );
  }
  const bridge = site?.networks.find((network) => network.bridge === config["vm.bridge"]);
  if (site && site.networks.length > 0 && !bridge) {
    report(
      "vm.bridge",
      `is not a bridge of the site, which has ${site.networks.map((network) => network.bridge).join(", ")}`,
    );
  }
  const network = planNetwork(
    { cidr: config["vm.ipCidr"], gateway: config["vm.gateway"], dns: config["vm.dns"] },
    bridge,
  );
  if ("problems" in network) problems.push(...network.problems);
  const siteAddresses = planSiteAddresses(config, site, url ? hostOf(url) : undefined, address);
  const vmAddress = config["vm.ipCidr"].split("/")[0] || undefined;
  const taken = vmAddress && refusal(vmAddress, siteAddresses);
  // The gateway of the VM's own network has its own words.
  if (taken && !problems.some(({ key }) => key === "vm.ipCidr"))
    report("vm.ipCidr", `cannot be the VM's: ${taken}; pulumi config set vm.ipCidr <another address>/<prefix length>`);
  if (problems.length > 0 || "problems" in network) throw new ConfigError(place.project, place.stack, problems);
  return {
    owner,
    name: config["vm.name"] ?? `runner-${place.stack}`,
    host: libvirtHost(config, `${place.project}/${place.stack}`),
    forge: url ? { url } : { address: address ?? "" },
    forgeHost: config["forge.token"] ? undefined : forgeHost(config, place),
    forgeHostAddress: address,
    network: network.network,
    address: vmAddress,
    execution: execution(config),
    siteAddresses,
    egress: fenced ? egressOf(config, network.network, site) : undefined,
    identity: (policy) => identityOf(config, network.network, bridge, policy),
    mode: "active",
    labelNames: config["runner.labels"].map(labelName),
    warnings: config["runner.labels"].filter(runsBesideRunner).map(besideRunner),
  };
}

function besideRunner(label: string): string {
  return `runner.labels has ${label}: its jobs run where the runner does, and can read the runner's token and use docker. For jobs that you do not trust: ${labelName(label)}`;
}

function planSiteAddresses(
  config: RunnersConfig,
  site: Site | undefined,
  forge: string | undefined,
  forgeAddress: string | undefined,
): Taken {
  const gateway = config["vm.gateway"];
  return {
    ...Object.fromEntries(config["vm.dns"].map((address) => [address, "a name server (vm.dns)"])),
    ...takenBySite(site),
    ...(gateway ? { [gateway]: "the gateway (vm.gateway)" } : {}),
    ...(forge ? { [forge]: "the forge" } : {}),
    ...(forgeAddress ? { [forgeAddress]: "the host of the forge" } : {}),
    [config["host.address"]]: "the hypervisor",
  };
}

function forgeHost(config: RunnersConfig, place: { project: string; stack: string }): RunnerPlan["forgeHost"] {
  return {
    port: config["forge.ssh.port"],
    user: config["forge.ssh.user"],
    hostKey: config["forge.ssh.hostKey"],
    command: forgejoCommand({
      user: config["forge.ssh.user"],
      forgejoUser: config["forge.ssh.forgejoUser"],
      forgejoConfig: config["forge.ssh.forgejoConfig"],
      command: config["forge.ssh.command"],
    }),
    stack: `${place.project}/${place.stack}`,
  };
}

function egressOf(config: RunnersConfig, network: Network, site: Site | undefined): (forgeUrl: string) => EgressPolicy {
  const siteNetworks = (site?.networks ?? []).map(({ cidr }) => cidr);
  const allow = config["runner.egress.allow"];
  const publicAddresses = [...(site?.publicAddresses ?? []), ...config["runner.egress.sitePublicAddresses"]];
  return (forgeUrl) => planEgress({ forgeUrl, dns: network.dns, allow, siteNetworks, publicAddresses });
}

function identityOf(
  config: RunnersConfig,
  network: Network,
  bridge: SiteNetwork | undefined,
  policy: EgressPolicy,
): ReturnType<RunnerPlan["identity"]> {
  const address = config["vm.ipCidr"].split("/")[0];
  // A static address leaves nothing to claim.
  if (address) return { address, known: [] };
  return {
    known: knownMachines(policy, [bridge?.gateway, config["vm.gateway"], ...network.dns, config["host.address"]]),
  };
}

function execution(config: RunnersConfig): Execution {
  const url = config["runner.binary.url"];
  const sha256 = config["runner.binary.sha256"];
  return url && sha256 ? { kind: "binary", url, sha256 } : { kind: "container", image: config["runner.image"] };
}
