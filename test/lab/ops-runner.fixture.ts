/**
 * A runner VM of a site for pools, behind its Proxmox host: a real OpenSSH server on a Debian root of its own. The operator's
 * commands run on the workstation, and know the VM by a contract file. The release is a small one, packed like any other.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { cgroupPath } from "../../lab/cgroups.ts";
import type { CommandResult } from "../../lab/command.ts";
import { ensureHostImage } from "../../lab/images/images.ts";
import { publicKey } from "../../lab/keys.ts";
import { type Layout, layoutOf, network } from "../../lab/layout.ts";
import { ip } from "../../lab/namespaces.ts";
import { ensureOperator, type OperatorSite, operatorSite } from "../../lab/operator-site.ts";
import { privateBridge, startProxmoxHost } from "../../lab/pool/host.ts";
import type { SimulatedVm } from "../../lab/proxmox/state.ts";
import { execInRoot, type RootSystem } from "../../lab/root-system.ts";
import { sshdProcess } from "../../lab/sshd.ts";
import { configureStack, openWorkspace, pulumi, type Workspace } from "../../lab/workspace.ts";
import type { ReleaseEntry } from "../../lib/release/format.ts";
import { packRelease } from "../../release/archive.ts";
import { ensureToolchain } from "../../toolchain/index.ts";

/** The stack under test. */
export const stack = "dev-onprem";
/** Where the toolchain goes. */
export const prefix = "/opt/hybridops/core";

const part = "vm201";
const top = join(import.meta.dirname, "..", "..");

/** A step in the evidence of a run. */
interface Step {
  step: string;
  outcome: "done" | "skipped" | "failed";
  detail: string;
}

/** The site, its runner VM, and the operator's commands. */
export class RunnerSite {
  private constructor(
    private readonly layout: Layout,
    private readonly image: string,
    readonly workspace: Workspace<OperatorSite>,
  ) {}

  static async open(name: string): Promise<RunnerSite> {
    const layout = layoutOf(name);
    const [image, toolchain] = [await ensureHostImage(), await ensureToolchain(["pulumi"])];
    mkdirSync(layout.directory, { recursive: true, mode: 0o700 });
    await ensureOperator(layout);
    await startProxmoxHost(layout, image);
    const site = new RunnerSite(layout, image, openWorkspace(operatorSite(layout), toolchain));
    await site.guest("start");
    return site;
  }

  private get vm(): SimulatedVm {
    const [address, prefixLength] = ["10.10.10.41", privateBridge.prefix];
    const config = {
      ...{ name: "platform-shared-runner-01", ciuser: "opsadmin" },
      sshkeys: encodeURIComponent(publicKey(this.layout.path("ssh", "id_ed25519"))),
      net0: `virtio=BC:24:11:00:00:41,bridge=${privateBridge.name}`,
      ipconfig0: `ip=${address}/${prefixLength},gw=${privateBridge.address}`,
    };
    const addresses = { net0: [`${address}/${prefixLength}`] };
    return { vmid: 201, node: "pve1", status: "running", config, addresses };
  }

  private async guest(action: "start" | "stop"): Promise<void> {
    const network = `--net=/run/netns/${this.layout.netns("pve")}`;
    const program = join(import.meta.dirname, "programs", "guest.ts");
    const args = [program, this.layout.name, this.image, action, JSON.stringify(this.vm)];
    await execa("nsenter", [network, process.execPath, "--import", "tsx/esm", ...args], { cwd: top });
  }

  /** Takes everything that was written on the VM away, as a rebuild does; its host key is of the stack, and stays. */
  async rebuild(): Promise<void> {
    await this.guest("stop");
    for (const name of ["seeded", "up", "work"]) rmSync(this.layout.path(part, name), { recursive: true, force: true });
    await this.guest("start");
  }

  /** Gives the VM one more address. */
  alsoAnswersAt(address: string): Promise<void> {
    return ip([`addr add ${address}/${privateBridge.prefix} dev eth0`], this.layout.namespaceOf(part));
  }

  /** Runs a shell command on the VM as root, beside any SSH. */
  on(command: string, check = true): Promise<CommandResult> {
    const system: RootSystem = { layout: this.layout, part, image: this.image, ...sshdProcess };
    return execInRoot(system, "/bin/sh", ["-c", command], { check, timeoutMs: 120_000 });
  }

  /** Packs a small release that says this version. @returns its configuration. */
  async release(version: string): Promise<Record<string, string>> {
    const says = (text: string) => `#!/bin/sh\necho ${text}\n`;
    // A quarter of a megabyte, packed.
    const digests = Array.from({ length: 8_000 }, (_, index) => createHash("sha256").update(`${index}`).digest("hex"));
    const entries: ReleaseEntry[] = [
      { path: "bin/holdfast", text: says(`holdfast ${version}`), executable: true },
      { path: "bin/pulumi", text: says("v3.255.0"), executable: true },
      { path: "holdfast/bulk", text: digests.join(""), executable: false },
    ];
    const file = join(this.workspace.directory, `release-${version}.tar.gz`);
    const { sha256 } = await packRelease(entries, file);
    return { runner_release_archive_url: `file://${file}`, runner_release_archive_sha256: `sha256:${sha256}` };
  }

  /** Writes the contract of a pool with this one VM. */
  pool(address: string, identity: string): void {
    const key = publicKey(this.layout.path(part, "ssh_host_ed25519_key")).split(" ").slice(0, 2).join(" ");
    const vm = { vmId: 201, name: "platform-shared-runner-01", node: "pve1", address, mac: "BC:24:11:00:00:41" };
    const contract = {
      ...{ contract: "vms@1", env: "dev", status: "ok", evidenceDir: "", runId: "" },
      vms: { "runner-01": { ...vm, identity: `sha256:${identity.repeat(64)}`, hostKey: key } },
    };
    writeFileSync(join(this.workspace.directory, "vms.json"), JSON.stringify(contract));
  }

  /** Sets values of the stack. */
  configure(values: Record<string, string>): Promise<void> {
    const common = { "site.id": "lab", "vms.file": "../vms.json", "bastion.address": network.proxmox };
    return configureStack(this.workspace, "ops-runner", stack, { ...common, connectivity_timeout_s: "1", ...values });
  }

  /** `pulumi up`. @param run the deploy that forces it. */
  up(run?: string): Promise<CommandResult> {
    const args = ["up", "--yes", "--skip-preview", "--stack", stack];
    return pulumi(this.workspace, "ops-runner", args, { check: false, env: { HOLDFAST_FORCE_RUN: run } });
  }

  /** Whether a preview finds nothing to do. */
  async isClean(run?: string): Promise<boolean> {
    const args = ["preview", "--expect-no-changes", "--stack", stack];
    const options = { check: false, env: { HOLDFAST_FORCE_RUN: run } };
    return (await pulumi(this.workspace, "ops-runner", args, options)).exitCode === 0;
  }

  destroy(): Promise<CommandResult> {
    return pulumi(this.workspace, "ops-runner", ["destroy", "--yes", "--skip-preview", "--stack", stack], {
      check: false,
    });
  }

  async outputs(): Promise<Record<string, unknown> & { runner: Record<string, unknown>; evidence_dir: string }> {
    const { stdout } = await pulumi(this.workspace, "ops-runner", ["stack", "output", "--json", "--stack", stack]);
    return JSON.parse(stdout);
  }

  /** The steps of the run that the outputs name, by their names. */
  async steps(): Promise<Record<string, Step>> {
    const { evidence_dir } = await this.outputs();
    const { steps } = JSON.parse(readFileSync(join(evidence_dir, "operations_runner.json"), "utf8"));
    return Object.fromEntries((steps as Step[]).map((step) => [step.step, step]));
  }

  /** Ends the plugin's processes on the workstation, as a crash does. */
  killPlugin(): void {
    const members = readFileSync(join(cgroupPath(this.layout.name, "ws"), "cgroup.procs"), "utf8");
    for (const pid of members.split("\n").filter(Boolean)) {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (command.includes("provider/.bundle/main.mjs")) process.kill(Number(pid), "SIGKILL");
    }
  }
}
