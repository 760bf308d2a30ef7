/**
 * Every outage against every step: `up` with nothing there, `refresh` and `destroy` with a runner that serves. Each ends
 * within its bound with a message that names the place, loses nothing of the state, makes no second registration, leaves
 * the foundation alone, and is healed by the same command once the outage is over. A run rewrites docs/failover.md when
 * outcomes changed. Real parts as in fleet.test.ts; not proven: outages in the middle of a libvirt operation other than
 * that of the engine itself.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { deployFoundation, openSite, runnerConfiguration, runnerVm } from "../../lab/demo.ts";
import { ForgeClient } from "../../lab/forge-client.ts";
import { type Outage, outages } from "../../lab/outages.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { siteDown } from "../../lab/site.ts";
import { configureStack, pulumi, type Workspace } from "../../lab/workspace.ts";
import { type FaultRow, recordFaults } from "./fault-table.ts";

const siteName = "t-faults";
const missing = missingPrerequisites().filter((what) => !what.startsWith("package "));
/** Seconds within which a step that cannot succeed has said so; a libvirtd that hangs takes the longest, 40 s. */
const boundSeconds = 120;

/** A domain as libvirt has it when the engine is killed before it is told. */
const interruptedDomain = `<domain type='qemu'><name>${runnerVm.name}</name>
  <description>Made by holdfast for lab.runners.crunchy</description>
  <memory unit='MiB'>64</memory><os><type>hvm</type></os></domain>`;

describe.skipIf(missing.length > 0)("outages", () => {
  let workspace: Workspace;
  let forge: ForgeClient;
  let all: Outage[];
  const rows: FaultRow[] = [];

  beforeAll(async () => {
    await siteDown(siteName);
    workspace = await openSite(siteName);
    forge = new ForgeClient(workspace.site);
    all = outages(workspace.site);
    await deployFoundation(workspace);
    const token = readFileSync(workspace.site.forge.tokenFile, "utf8").trim();
    // Nobody gives this runner a job, so its VM needs no image for one.
    const configuration = { ...(await runnerConfiguration(workspace.site)), "runner.labels": "fenced:host" };
    await configureStack(workspace, "runners", "crunchy", configuration, { "forge.token": token });
  });

  let green = true;
  afterEach(({ task }) => {
    green &&= task.result?.state !== "fail";
  });

  afterAll(async () => {
    await siteDown(siteName);
    if (green) recordFaults(rows);
  });

  const runners = (args: string[], options: Parameters<typeof pulumi>[3] = {}) =>
    pulumi(workspace, "runners", [...args, "--stack", "crunchy"], { check: false, timeoutMs: 300_000, ...options });
  const up = ["up", "--yes", "--skip-preview"];
  const refresh = ["refresh", "--yes", "--skip-preview"];
  const destroy = ["destroy", "--yes", "--skip-preview"];

  /** URNs that the checkpoint holds. */
  function resources(): string[] {
    const file = join(workspace.site.pulumi.stateDirectory, ".pulumi/stacks/runners/crunchy.json");
    if (!existsSync(file)) return [];
    const { checkpoint } = JSON.parse(readFileSync(file, "utf8"));
    return (checkpoint.latest?.resources ?? []).map(({ urn }: { urn: string }) => urn);
  }

  function locked(): boolean {
    const locks = join(workspace.site.pulumi.stateDirectory, ".pulumi/locks/organization/runners/crunchy");
    return existsSync(locks) && readdirSync(locks).some((name) => name.endsWith(".json"));
  }

  async function foundationPreviews(): Promise<number> {
    const options = { check: false, timeoutMs: boundSeconds * 1000 };
    return (await pulumi(workspace, ".", ["preview", "--stack", "shared"], options)).exitCode;
  }

  /** Runs a step while something is out, and lifts the outage whatever comes of it. */
  async function during(outage: Outage, step: string[]) {
    await outage.inject().catch(async (error: Error) => {
      // What was begun of it would spoil every test after this one.
      await outage.lift().catch(() => {});
      throw error;
    });
    try {
      const began = performance.now();
      const [result, foundation] = await Promise.all([
        runners(step, { timeoutMs: boundSeconds * 1000, ...(outage.env ? { env: outage.env } : {}) }),
        // Once in every outage: the step makes no difference to who dials nobody.
        step === up ? foundationPreviews() : 0,
      ]);
      const seconds = (performance.now() - began) / 1000;
      expect(foundation, `exit code of the foundation's preview during: ${outage.name}`).toBe(0);
      const text = result.stdout + result.stderr;
      const message = messageOf(text, outage.place);
      expect(message, `what was said of ${outage.place} in:\n${text}`).not.toBe("");
      rows.push({ step: step[0] ?? "", fault: outage.name, passed: result.exitCode === 0, message, seconds });
      return { ...result, text, message };
    } finally {
      await outage.lift();
      // A step that had to be ended leaves its lock, which would hide what comes next.
      if (locked()) await runners(["cancel", "--yes"]);
    }
  }

  const names = [
    ...[
      "host down",
      "host unplugged",
      "packets dropped",
      "libvirtd stopped",
      "libvirtd hung",
      "wrong SSH key",
      "host key changed",
    ],
    ...["disk full", "forge down", "forge answers 500"],
  ];
  /** With a machine that serves: a host that goes down takes it along, and every boot is a minute of this. fleet.test.ts does. */
  const besideAMachine = names.filter((name) => !["host down", "disk full"].includes(name));
  const outage = (name: string) => all.find((one) => one.name === name) as Outage;

  it.each(names)("up, %s: refused before anything is made", async (name) => {
    const fault = outage(name);
    const { exitCode, text } = await during(fault, up);
    expect(exitCode, text).toBeGreaterThan(0);
    expect(text).toContain(fault.place);
    expect(resources().filter((urn) => /libvirt:index|RunnerRegistration|runner:Service/.test(urn))).toEqual([]);
    expect(await forge.runners()).toEqual([]);
  });

  it("up, engine killed at a VM's creation, then at the runner's: the same command goes on, with one of everything", async () => {
    for (const moment of [/vm-domain creating/, /runner-service creating .*waiting for SSH/]) {
      await killAt(up, moment);
      await takeLock();
      // The first kill may have come before libvirt had it, or after: here the state does not know of it, and it is there.
      const define = `cat >/run/cut-off.xml; virsh domstate ${runnerVm.name} || virsh define /run/cut-off.xml`;
      await workspace.site.hosts.crunchy.exec("sh", ["-c", define], { input: interruptedDomain });
    }
    rows.push({
      step: "up",
      fault: "engine killed",
      passed: false,
      message: "the lock stays: `pulumi cancel`",
      seconds: 0,
    });
  });

  it("up, VM does not boot in time: says so, keeps everything, and the same command goes on", async () => {
    await runners(["config", "set", "vm.dialErrorLimit", "1"]);
    const began = performance.now();
    const first = await runners(up);
    const seconds = (performance.now() - began) / 1000;
    await runners(["config", "set", "vm.dialErrorLimit", "100"]);
    rows.push({
      step: "up",
      fault: "VM never boots",
      passed: false,
      message: messageOf(first.stdout, "198.51.100.15"),
      seconds,
    });
    expect(first.exitCode).toBeGreaterThan(0);
    expect(first.stdout).toContain("198.51.100.15");
    const healed = await runners(up);
    expect(healed.exitCode, healed.stdout).toBe(0);
    expect(await forge.runners()).toHaveLength(1);
    const host = workspace.site.hosts.crunchy;
    expect((await host.exec("virsh", ["-q", "list", "--all", "--name"])).stdout.trim().split("\n")).toHaveLength(1);
    expect((await host.exec("virsh", ["-q", "vol-list", "images"])).stdout.trim().split("\n")).toHaveLength(3);
  });

  it.each(besideAMachine)("refresh, %s: nothing is lost", async (name) => {
    const before = resources();
    const fault = outage(name);
    const { exitCode, text } = await during(fault, refresh);
    if (!name.startsWith("forge")) expect(exitCode, text).toBeGreaterThan(0);
    expect(text).toContain(fault.place);
    expect(resources()).toEqual(before);
  });

  it("preview without a refresh, host key changed: a workstation that never met the host checks the key that the state has", async () => {
    const fault = outage("host key changed");
    await fault.inject();
    try {
      rmSync(join(workspace.env.HOME ?? "", ".config/holdfast/known_hosts"), { recursive: true });
      const { exitCode, stdout, stderr } = await runners(["preview", "--refresh=false"]);
      expect(exitCode, stdout + stderr).toBeGreaterThan(0);
      expect(stdout + stderr).toContain(`host key of ${fault.place}:22 changed`);
    } finally {
      await fault.lift();
    }
  });

  it.each(besideAMachine.filter((name) => !name.startsWith("forge")))("destroy, %s: nothing is lost", async (name) => {
    const before = resources();
    const fault = outage(name);
    const { exitCode, text } = await during(fault, destroy);
    expect(exitCode, text).toBeGreaterThan(0);
    expect(text).toContain(fault.place);
    expect(resources()).toEqual(before);
  });

  it("up after all that finds its VM again: no second registration", async () => {
    const healed = await runners(up);
    expect(healed.exitCode, healed.stdout).toBe(0);
    expect(await forge.runners()).toHaveLength(1);
  });

  it.each(["forge down", "forge answers 500"])("destroy, %s: the registration and what it needs stay", async (name) => {
    const { exitCode, text } = await during(outage(name), destroy);
    expect(exitCode, text).toBeGreaterThan(0);
    expect(resources().some((urn) => urn.includes("RunnerRegistration"))).toBe(true);
    expect(await forge.runners()).toHaveLength(1);
  });

  it("destroy, engine killed: the same command goes on, and nothing is left", async () => {
    await killAt(destroy, /vm-domain deleting/);
    await takeLock();
    const again = await runners(destroy);
    rows.push({
      step: "destroy",
      fault: "engine killed",
      passed: false,
      message: "the lock stays: `pulumi cancel`",
      seconds: 0,
    });
    expect(again.exitCode, again.stdout).toBe(0);
    expect(await forge.runners()).toEqual([]);
    const host = workspace.site.hosts.crunchy;
    expect((await host.exec("virsh", ["-q", "list", "--all", "--name"])).stdout.trim()).toBe("");
    expect((await host.exec("virsh", ["-q", "vol-list", "images"])).stdout.trim()).toBe("");
  });

  /** Takes away the lock that a killed engine left. */
  async function takeLock(): Promise<void> {
    const { exitCode, stdout, stderr } = await runners(["cancel", "--yes"]);
    expect(exitCode, stdout + stderr).toBe(0);
  }

  /** Starts a step and kills the engine, with SIGKILL, when a line of its display matches. */
  async function killAt(step: string[], moment: RegExp): Promise<void> {
    const kill = new AbortController();
    await runners(step, { signal: kill.signal, onLine: (line) => moment.test(line) && kill.abort() });
    expect(kill.signal.aborted, `the moment ${moment} came`).toBe(true);
  }
});

/** What Pulumi's summary says of a place, our own words first, on one line, without what differs between sites. */
function messageOf(text: string, place: string): string {
  const summary = (text.split("Diagnostics:")[1] ?? text).split(/^(?:Outputs|Resources):/m)[0]?.split("\n") ?? [];
  const lines = summary.map((line) => line.trim().replace(/^((error|warning): )?(- )?/, ""));
  const ours = /^(cannot reach|host key of|libvirt on|registration of|GET )/;
  // A list of problems names the place in its heading.
  const output = lines.flatMap((line, index) => {
    if (!line.includes(place)) return [];
    return line.endsWith(":") ? [lines[index + 1] ?? ""] : [line];
  });
  const best =
    output.find((line) => ours.test(line)) ?? output.find((line) => /failed|refused/.test(line)) ?? output[0] ?? "";
  return best
    .replace(/ssh-ed25519 [A-Za-z0-9+/=]{20,}/g, "ssh-ed25519 …")
    .replace(/\/\S*(?=\/\.config\/holdfast)/g, "~");
}
