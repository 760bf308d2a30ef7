/**
 * The shipped blueprint of the operations runner, end to end by the runbook's own commands: from a copy with placeholders to a
 * VM with the whole release of this checkout, given work, deployed again, and destroyed. The real engine, providers and plugin, real OpenSSH
 * servers and networks; Proxmox VE is simulated, and the VM is a Debian without systemd, which `runner_os` allows.
 */
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CommandResult } from "../../lab/command.ts";
import { listVms, type PoolWorkspace } from "../../lab/pool/demo.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { sampleProcesses } from "../../lab/process-sampler.ts";
import {
  blueprint,
  copyBlueprint,
  copyOf,
  fillIn,
  giveSecrets,
  holdfast,
  modules,
  onRunner,
  openRunnerSite,
  recordCluster,
  runner,
  stacks,
  statusOf,
  tokenOf,
} from "../../lab/runner/demo.ts";
import { siteDown } from "../../lab/site.ts";
import { pulumi } from "../../lab/workspace.ts";
import { dispatchStory } from "./dispatch.story.ts";

const siteName = "t-blueprint";
const missing = missingPrerequisites().filter((what) => !what.startsWith("package "));

describe.skipIf(missing.length > 0)("the blueprint of the operations runner", () => {
  let workspace: PoolWorkspace;
  let commandLines: ReadonlySet<string>;
  const output: string[] = [];

  /** A verb on the environment's copy; what it says is kept. */
  async function verb(name: string, ...more: string[]): Promise<CommandResult> {
    const result = await blueprint(workspace, name, more, { check: false });
    output.push(result.stdout, result.stderr);
    return result;
  }

  async function preflight(): Promise<{ exitCode: number; steps: StepReport[] }> {
    const { exitCode, stdout } = await verb("preflight", "--json");
    return { exitCode, steps: (JSON.parse(stdout) as { steps: StepReport[] }).steps };
  }

  beforeAll(async () => {
    await siteDown(siteName);
    workspace = await openRunnerSite(siteName);
    await recordCluster(workspace);
    await copyBlueprint(workspace);
  });

  afterAll(() => siteDown(siteName));

  it("is refused while a placeholder is left in, and nothing is made", async () => {
    for (const refused of [await verb("validate"), await verb("deploy", "--execute")]) {
      expect(refused).toMatchObject({ exitCode: 2, stdout: "" });
      expect(refused.stderr).toMatch(/line \d+: .*runner-01\.interfaces\.0\.ipv4\.address: still holds a placeholder/);
      expect(refused.stderr).toContain(`next: edit ${copyOf(workspace)}`);
    }
    const { stdout } = await pulumi(workspace, "template-image", ["stack", "ls", "--json"]);
    expect(JSON.parse(stdout)).toEqual([]);
  });

  it("says which secrets are missing, and which steps wait for others once they are there", async () => {
    fillIn(workspace);
    expect(await verb("validate")).toMatchObject({ exitCode: 0 });
    const lacking = await preflight();
    expect(lacking.exitCode).toBe(1);
    expect(lacking.steps.map(({ status }) => status)).toEqual(["blocked", "blocked", "deferred"]);
    for (const [index, place] of [stacks.template, stacks.vm].entries())
      expect(JSON.stringify(lacking.steps[index]?.checks)).toContain(`npx holdfast secrets ensure ${place}`);
    await giveSecrets(workspace);
    const ready = await preflight();
    expect(ready.exitCode).toBe(0);
    expect(ready.steps.map(({ status }) => status)).toEqual(["ready", "deferred", "deferred"]);
  });

  it("ends with both states ok, one VM of its name, and the whole release at work on it", async () => {
    const sampler = sampleProcesses();
    const deployed = await verb("deploy", "--execute");
    commandLines = sampler.stop();
    expect(deployed.exitCode, deployed.stderr).toBe(0);
    for (const module of modules) expect([module, await statusOf(workspace, module)]).toEqual([module, "ok"]);
    expect(await namesOfVms()).toEqual([runner.name, "ubuntu-22.04-template"]);

    const contract = await runnerContract();
    expect(contract).toMatchObject({ capability: "ready", prefix: runner.prefix, vm: { name: runner.name } });
    const built = await holdfast(workspace, ["release", "build", "--json"]);
    expect(JSON.parse(built.stdout).sha256).toBe(contract.releaseDigest);
    const validate = "holdfast blueprint validate --ref networking/onprem-ops-runner@v1";
    const { stdout } = await onRunner(workspace, `holdfast --version; ${validate}`, { user: runner.user });
    expect(stdout).toMatch(
      /^holdfast \d[\d.]+\n✓ networking\/onprem-ops-runner@v1 can be used \(\/opt\/hybridops\/core/,
    );
  });

  it("has a runner that reaches Proxmox VE by a certificate that it trusts, and has a tmpfs for its user alone", async () => {
    const input = `header = "Authorization: PVEAPIToken=${tokenOf(workspace)}"\n`;
    const asked = `curl --silent --show-error --fail --config - ${workspace.site.proxmox.url}/api2/json/version`;
    const { stdout } = await onRunner(workspace, asked, { user: runner.user, input });
    expect(JSON.parse(stdout)).toMatchObject({ data: { version: expect.any(String) } });
    const place = await onRunner(workspace, "stat --format '%a %U' /run/user/1000; stat -f -c %T /run/user/1000");
    expect(place.stdout).toBe(`700 ${runner.user}\ntmpfs`);
  });

  dispatchStory(
    () => workspace,
    (text) => output.push(text),
  );

  it("left no secret in process lists, in words, logs, evidence and states, or on the runner", async () => {
    const { directory, workstation, pulumi: state } = workspace.site;
    const token = tokenOf(workspace);
    const keyLine = readFileSync(workstation.sshKeyPath, "utf8").split("\n")[2] ?? "";
    const secrets = [token, token.split("=")[1] ?? "", readFileSync(state.passphraseFile, "utf8"), keyLine];
    expect(secrets.filter((secret) => secret.length < 20)).toEqual([]);

    expect(commandLines.size).toBeGreaterThan(20);
    expect([...commandLines].filter((line) => line.includes("blueprint deploy"))).not.toEqual([]);
    const exported = await Promise.all(Object.values(stacks).map(exportOf));
    const texts = [...commandLines, ...output, ...exported];
    expect(texts.filter((text) => secrets.some((secret) => text.includes(secret)))).toEqual([]);

    // The whole site: logs, evidence, the operator's home and clone, the disks of host and runner.
    const input = `${secrets.join("\n")}\n`;
    const find = ["-rlsF", "-f", "-", "--devices=skip", directory];
    const { stdout } = await execa("grep", find, { input, reject: false });
    const found = stdout.split("\n").map((path) => relative(directory, path));
    expect(found.sort()).toEqual(["passphrase", "pve/token", "ssh/id_ed25519"]);
    const inMemory = await onRunner(workspace, "grep -rlsF -f - /run /tmp /dev/shm", { input, check: false });
    expect(inMemory).toMatchObject({ exitCode: 1, stdout: "" });
  });

  it("is looked at by a preflight, over the Proxmox host, without a change to the VM", async () => {
    await onRunner(workspace, "touch /run/before");
    const looked = await holdfast(workspace, ["preflight", "--strict", "--json", stacks.bootstrap], { check: false });
    const { checks } = JSON.parse(looked.stdout) as StepReport;
    expect(checks.filter(({ status }) => status !== "ok")).toEqual([]);
    const found = Object.fromEntries(checks.map(({ what, found }) => [what, found]));
    expect(found).toMatchObject({
      "the runner can be planned": `runner-01 is ${runner.name}, ${runner.address}`,
      [`runner-01 takes the login of ${runner.user}`]: `bastion root@${workspace.site.proxmox.address}:22`,
      "runner-01 runs what a runner has to": expect.stringMatching(/^Debian .*, which runner_os allows$/),
      [`${runner.prefix} on runner-01 is free, or this stack's`]: "this stack's",
      "runner-01 has room for the release": expect.stringMatching(/MB free on \//),
    });
    // Directories aside: an overlay marks those that somebody read.
    const changed = "find / -xdev -not -type d -cnewer /run/before";
    expect((await onRunner(workspace, changed)).stdout).toBe("");
  });

  it("is deployed again by looking at the first two steps, and by running the bootstrap", async () => {
    const before = await runnerContract();
    const again = await verb("deploy", "--execute");
    expect(again.exitCode, again.stderr).toBe(0);
    const clean = /skipped, its last run was green, and a preview finds nothing to change/g;
    expect(again.stderr.match(clean)).toHaveLength(2);
    expect(again.stderr).toMatch(/3\/3 onprem_ops_runner_bootstrap .*: ok, .*it is run by every deploy/);
    const after = await runnerContract();
    expect(after.runId).not.toBe(before.runId);
    expect(after).toMatchObject({ releaseDigest: before.releaseDigest, status: "ok" });
  });

  it("leaves the template, and nothing else, when it is destroyed", async () => {
    const { exitCode, stderr } = await verb("destroy", "--execute");
    expect(exitCode, stderr).toBe(0);
    expect(await namesOfVms()).toEqual(["ubuntu-22.04-template"]);
    const statuses = await Promise.all(modules.map((module) => statusOf(workspace, module)));
    expect(statuses).toEqual(["destroyed", "destroyed"]);
  });

  async function namesOfVms(): Promise<string[]> {
    return (await listVms(workspace)).map(({ name }) => name).sort();
  }

  async function runnerContract(): Promise<Record<string, unknown>> {
    const [project = "", stack = ""] = stacks.bootstrap.split("/");
    const { stdout } = await pulumi(workspace, project, ["stack", "output", "--json", "--stack", stack]);
    return JSON.parse(stdout).runner;
  }

  async function exportOf(place: string): Promise<string> {
    const [project = "", stack = ""] = place.split("/");
    return (await pulumi(workspace, project, ["stack", "export", "--stack", stack])).stdout;
  }
});

interface StepReport {
  id: string;
  status: string;
  checks: { what: string; status: string; found?: string; fix?: string }[];
}
