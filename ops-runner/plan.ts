/**
 * Decides everything about an operations runner from its configuration, the VMs of its pool and, where there is one, the site
 * contract. Pure. Messages keep the words that operators search for.
 */

import { ownerOf, takenBySite } from "../components/vm/whereabouts.ts";
import { planOwner } from "../lib/config/site-keys.ts";
import { type SshRoutes, sshRoutesOver } from "../lib/config/ssh-routes.ts";
import { ConfigError, type ConfigOf, type Problem, type ReportProblem } from "../lib/config/strict.ts";
import type { OpsRunner } from "../lib/contracts/runner.ts";
import type { Site } from "../lib/contracts/site.ts";
import type { Vms } from "../lib/contracts/vms.ts";
import type { ReleaseTool } from "../lib/release/tools.ts";
import type { SshTarget } from "../lib/ssh/dial.ts";
import type { OperationsInputs } from "../resources/runner/operations-toolchain.ts";
import type { opsRunnerConfig } from "./config.ts";

/** Values of the configuration. */
export type OpsRunnerConfig = ConfigOf<typeof opsRunnerConfig>;

/** Where a release comes from: a checkout, this one unless another is named, or an archive. */
export type ReleaseSource =
  | { kind: "checkout"; root: string | undefined; tools: ReleaseTool[] }
  | { kind: "archive"; url: string; sha256: string };

/** A runner, decided. */
export interface RunnerPlan {
  /** Everything that the toolchain needs beside its release. */
  toolchain: Omit<OperationsInputs, "release">;
  /** Absent where nothing is to be installed. */
  release?: ReleaseSource;
  /** What the contract says of it, whatever is installed. */
  facts: Pick<OpsRunner, "env" | "place" | "direction" | "failureDomain" | "vm">;
}

/**
 * @param place project and stack of the running program.
 * @param vms of the pool; undefined where the configuration does not say where they are.
 * @param hyopsEnv the environment variable HYOPS_ENV; empty where it is not set.
 * @throws one error with everything that does not fit together.
 */
export function planRunner(
  config: OpsRunnerConfig,
  site: Site | undefined,
  vms: Vms | undefined,
  place: { project: string; stack: string },
  hyopsEnv = "",
): RunnerPlan {
  const problems: Problem[] = [];
  const report: ReportProblem = (key, reason) => problems.push({ key, reason });
  const vm = chosenVm(config, vms, site, report);
  const env = agreedEnvironment(config, vms, hyopsEnv, report);
  // The pool's known_hosts, as its gate leaves them: there a rebuilt VM's key was forgotten, and its bastion's is known.
  const stack = config["vms.stack"] ? `platform-vm/${config["vms.stack"]}` : `${place.project}/${place.stack}`;
  const sshRoutes = plannedSshRoutes(config, site, stack, report);
  const release = plannedRelease(config, report);
  const owner = planOwner(config, site, place, report);
  if (problems.length > 0 || !vm) throw new ConfigError(place.project, place.stack, problems);
  const target: SshTarget = {
    ...{ host: vm.address, port: config.target_port, user: config.target_user, stack },
    ...(vm.hostKey === undefined ? {} : { hostKey: vm.hostKey }),
  };
  return {
    toolchain: {
      ...{ owner, vm: config.vm_key, identity: vm.identity, target },
      direct: config.ssh_access_mode === "direct",
      ...sshRoutes,
      timeoutSeconds: config.connectivity_timeout_s,
      waitSeconds: config.connectivity_wait_s,
      state: config.runner_state === "absent" ? "absent" : "present",
      prefix: config.runner_install_prefix,
      os: config.runner_os,
      systemLink: config.runner_system_link === "true",
      gatewayPorts: config.runner_sshd_gateway_ports === "true",
    },
    ...(release ? { release } : {}),
    facts: {
      env,
      place: config.place,
      direction: config.direction ?? (config.place === "gcp" ? "failover" : "failback"),
      failureDomain: config.failure_domain ?? (domainOf(site?.zone) || config.place),
      vm: { key: config.vm_key, name: vm.name, address: vm.address, identity: vm.identity },
    },
  };
}

/** The VM of the pool, or problems. */
function chosenVm(
  config: OpsRunnerConfig,
  vms: Vms | undefined,
  site: Site | undefined,
  report: ReportProblem,
): Vms["vms"][string] | undefined {
  if (config["vms.stack"] && config["vms.file"]) {
    report("vms.file", "is set beside vms.stack; say in one way only where the VMs are");
  }
  if (!vms) {
    report(
      "vms.stack",
      "inputs.inventory_state_ref is required (expected a runner VM-producing state): pulumi config set vms.stack <stack of platform-vm>",
    );
    return undefined;
  }
  const vm = vms.vms[config.vm_key];
  const there = Object.keys(vms.vms).join(", ") || "none";
  if (!vm) {
    report(
      "vm_key",
      `inputs.inventory_groups must include group 'runner' with at least one host: the pool has no ${config.vm_key}, it has ${there}`,
    );
  } else if (vm.address === "") {
    report(
      "vm_key",
      `the pool reports no address of ${config.vm_key} (vms.${config.vm_key}.address); does its guest agent run? pulumi up in platform-vm/ asks again`,
    );
  } else {
    const whose = ownerOf(vm.address, takenBySite(site));
    if (whose)
      report(
        "vm_key",
        `the pool says that ${config.vm_key} is at ${vm.address}, and the site that this is ${whose}: nothing is installed there. Where the address is its guest agent's word, look at the VM's console`,
      );
  }
  return vm;
}

/** The environment is said, never guessed from a name; those who say different things are an error. */
function agreedEnvironment(
  config: OpsRunnerConfig,
  vms: Vms | undefined,
  hyopsEnv: string,
  report: ReportProblem,
): string {
  const said = { "the configuration": config.env ?? "", HYOPS_ENV: hyopsEnv, "the pool": vms?.env ?? "" };
  const given = Object.entries(said).filter(([, env]) => env !== "");
  if (new Set(given.map(([, env]) => env)).size > 1) {
    const words = given.map(([who, env]) => `${who} says ${env}`).join(", ");
    report("env", `${words}; unset HYOPS_ENV, or use the stack and the pool of that environment`);
  }
  return given[0]?.[1] ?? "";
}

/** The ways beside the straight one. A cloud has no Proxmox host, and nobody falls back to one there. */
function plannedSshRoutes(
  config: OpsRunnerConfig,
  site: Site | undefined,
  stack: string,
  report: ReportProblem,
): SshRoutes {
  const { place, ssh_access_mode: mode, ssh_proxy_jump_host: jumpHost, ssh_proxy_jump_auto: auto } = config;
  const cloud = place !== "onprem";
  if (cloud && auto === "true") {
    report(
      "ssh_proxy_jump_auto",
      `is for VMs behind a Proxmox host, and the place is ${place}; name a jump host in ssh_proxy_jump_host`,
    );
  }
  if (cloud && config["bastion.address"] !== undefined) {
    report("bastion.address", `is a Proxmox host, and the place is ${place}; name a jump host in ssh_proxy_jump_host`);
  }
  const explicit = mode === "bastion-explicit";
  if (explicit && jumpHost === undefined) {
    report("ssh_proxy_jump_host", "is required with inputs.ssh_access_mode=bastion-explicit");
  }
  if (explicit && auto === "true") {
    report(
      "ssh_proxy_jump_auto",
      "contradicts inputs.ssh_access_mode=bastion-explicit, which takes the jump host alone",
    );
  }
  return sshRoutesOver(
    {
      jumpHost,
      jumpPort: config.ssh_proxy_jump_port,
      jumpUser: config.ssh_proxy_jump_user,
      auto: !cloud && !explicit && auto !== "false",
      bastion: config["bastion.address"],
    },
    site,
    stack,
  );
}

/** Where the release comes from; undefined where none is needed. */
function plannedRelease(config: OpsRunnerConfig, report: ReportProblem): ReleaseSource | undefined {
  const {
    runner_release_root: root,
    runner_release_archive_url: url,
    runner_release_archive_sha256: sha256,
    runner_tools: tools,
  } = config;
  if (root !== undefined && url !== undefined) {
    report("runner_release_archive_url", "and runner_release_root are mutually exclusive; say one");
  }
  if (url !== undefined && sha256 === undefined) {
    report(
      "runner_release_archive_sha256",
      "is required with an archive: sha256sum <archive>, on the machine that built it, says it",
    );
  }
  if (url === undefined && sha256 !== undefined) {
    report("runner_release_archive_url", "is required with runner_release_archive_sha256");
  }
  if (config.runner_state === "absent") return undefined;
  if (url === undefined) return { kind: "checkout", root, tools };
  return { kind: "archive", url, sha256: (sha256 ?? "").replace(/^sha256:/, "") };
}

/** A zone as the name of a failure domain. */
function domainOf(zone: string | undefined): string {
  return (zone ?? "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
}
