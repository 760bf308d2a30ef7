/**
 * Jobs on a runner, with the real engine, small programs and a real SSH server on loopback: what is sent and brought home, lost
 * connections, killed dispatchers and jobs, interrupts, refusals, and that the state has one home throughout. The runner is this
 * machine, with another home; a VM is in the lab ring.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sampleProcesses } from "../../lab/process-sampler.ts";
import { JobRunner, namesIn } from "./dispatch.fixture.ts";
import { Flow, gone } from "./flow.fixture.ts";

/** Not that of the same test in another checkout: command lines are those of the whole machine. */
const secret = `planted-Secret/${process.pid}`;
/** A runner's user logs in as root there, and its secrets are in a directory that root makes. */
const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)("a job on a runner", () => {
  let flow: Flow;
  let runner: JobRunner;

  beforeAll(async () => {
    flow = await Flow.open();
    runner = await JobRunner.open(flow);
  });
  afterAll(() => {
    runner?.close();
    flow?.close();
  });

  const outputOf = async (project: string, stack: string, name: string) =>
    (await flow.engine.pulumi(project, "stack", "output", name, "--stack", stack)).stdout;
  const left = () => runner.left();
  const evidenceIn = (stderr: string) => [...stderr.matchAll(/^evidence: (.*)$/gm)].map(([, path = ""]) => path);
  const statusOfJobs = async () => JSON.parse((await flow.engine.holdfast("dispatch", "status", "--json")).stdout);
  /** Ids of the jobs that have a record. */
  const openJobs = () => {
    const names = namesIn(join(flow.state, "jobs")).filter((name) => name.endsWith(".json"));
    return names.map((name) => name.replace(/\.json$/, ""));
  };
  const openJob = () => openJobs()[0] ?? "";
  const pidOf = (job: string, name: string) => Number(readFileSync(join(runner.jobs, job, name), "utf8"));
  /** Kills a job and its script, and lets the Pulumi that they leave at work end in order. */
  const killThere = async (job: string, wait: string) => {
    const [script, command] = [pidOf(job, "pid"), pidOf(job, "command.pid")];
    const [pulumi] = sessionsBelow(command);
    for (const pid of [script, command]) process.kill(pid, "SIGKILL");
    writeFileSync(wait, "");
    if (pulumi) await gone(pulumi);
  };

  test("is made there and known here: state, record, evidence; and no secret is shown or stays", async () => {
    const trusted = { verify_state_on_skip: false };
    const file = flow.blueprint("job", trusted, { secrets: ["token"], skip_if_state_ok: false });
    const lacking = await runner.dispatch(file);
    expect(lacking).toMatchObject({ exitCode: 2, stdout: "" });
    expect(lacking.stderr).toContain("second/dev-job has no secret token");
    await flow.engine.must("second", "config", "set", "--secret", "token", secret, "--stack", "dev-job");

    const sampler = sampleProcesses();
    const done = await runner.dispatch(file);
    const commandLines = [...sampler.stop()];
    expect(done.exitCode, done.stderr).toBe(0);
    expect(done.stderr).toMatch(/✓ 2\/2 two \(second\/dev-job\): ok, 2 created/);
    const outputs = await flow.engine.must("second", "stack", "output", "--json", "--stack", "dev-job");
    expect(JSON.parse(outputs)).toMatchObject({ value: "b,a,", environment: "dev" });
    expect(await flow.statuses(file)).toEqual({ one: "ok", two: "ok" });
    // A run from here finds nothing to do, and knows what the job's run was given.
    const again = await flow.deploy(file);
    expect(again.stderr).toMatch(/1\/2 one .*: skipped, its last run was green/);
    expect(again.stderr).toMatch(/2\/2 two .*: ok, 2 unchanged/);

    expect(left()).toEqual([]);
    expect(await statusOfJobs()).toEqual([]);
    const directories = evidenceIn(done.stderr);
    expect(directories.map((path) => path.split("/").at(-3))).toEqual(["blueprint", "dispatch"]);
    for (const directory of directories) {
      expect((await flow.engine.holdfast("evidence", "verify", directory)).stdout).toContain("is as it was written");
      const files = readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"));
      expect(files.filter((text) => text.includes(secret))).toEqual([]);
    }
    const key = readFileSync(flow.engine.env.RUNNER_SSH_KEY_PATH ?? "", "utf8").split("\n")[2] ?? "";
    const planted = [secret, flow.engine.env.PULUMI_CONFIG_PASSPHRASE ?? "", key];
    expect(commandLines.filter((line) => line.includes("blueprint deploy"))).not.toEqual([]);
    const texts = [...commandLines, done.stdout, done.stderr];
    expect(texts.filter((text) => planted.some((one) => text.includes(one)))).toEqual([]);
  });

  test("goes on without the process that dispatched it, holds its stack until its result is home, and is attached to", async () => {
    const wait = flow.at("attached.go");
    const file = await runner.blueprint("attached", { config: { wait } });
    const first = runner.begin(file);
    await flow.there(`${wait}.began`);
    const [{ id: job }] = await statusOfJobs();
    first.kill("SIGKILL");
    await first;

    const up = await flow.engine.pulumi("first", "up", "--yes", "--skip-preview", "--stack", "dev-attached");
    expect(up.exitCode).not.toBe(0);
    expect(up.stderr + up.stdout).toContain(`holdfast dispatch attach ${job}`);
    for (const second of [await flow.deploy(file), await runner.dispatch(file)]) {
      expect(second.exitCode).toBe(2);
      expect(second.stderr).toMatch(/is at work: dispatched deploy by .*, as a job on a runner/);
      expect(second.stderr).toContain(`next: holdfast dispatch attach ${job}`);
    }

    writeFileSync(wait, "");
    const attached = await flow.engine.holdfast("dispatch", "attach");
    expect(attached.exitCode, attached.stderr).toBe(0);
    expect(attached.stderr).toMatch(/✓ 1\/1 one \(first\/dev-attached\): ok, 2 created/);
    expect(await outputOf("first", "dev-attached", "value")).toBe("a,");
    expect([left(), openJobs()]).toEqual([[], []]);
  });

  test("is followed over a connection that is lost, and ends in order when it is interrupted", async () => {
    const wait = flow.at("cut.go");
    const file = await runner.blueprint("cut", { config: { wait } });
    const dispatched = runner.begin(file);
    await flow.there(`${wait}.began`);
    runner.cut();
    let output = "";
    await new Promise<void>((resolve) => {
      dispatched.stderr.on("data", (chunk: Buffer) => {
        output += chunk;
        if (output.includes("was lost during") || output.includes("trying to reach it again")) resolve();
      });
    });
    dispatched.kill("SIGINT");
    const ended = await dispatched;
    expect(ended.exitCode, ended.stderr).toBe(130);
    expect(ended.stderr).toMatch(/✗ 1\/1 one .*cancelled/);
    expect(await flow.statuses(file)).toEqual({ one: "interrupted" });
    expect([left(), openJobs()]).toEqual([[], []]);
  });

  test("whose lock was taken away never writes over another change: its state is kept beside", async () => {
    const wait = flow.at("conflict.go");
    const file = await runner.blueprint("conflict", { config: { value: "job", wait } });
    const dispatched = runner.begin(file);
    await flow.there(`${wait}.began`);
    await flow.engine.must("first", "cancel", "--yes", "--stack", "dev-conflict");
    const urn = "urn:pulumi:dev-conflict::first::pulumi:pulumi:Stack::first-dev-conflict";
    const resources = [{ urn, custom: false, type: "pulumi:pulumi:Stack", outputs: { value: "here," } }];
    const own = flow.at("conflict.json");
    writeFileSync(own, JSON.stringify({ version: 3, deployment: { resources } }));
    await flow.engine.must("first", "stack", "import", "--stack", "dev-conflict", "--file", own);
    writeFileSync(wait, "");
    const ended = await dispatched;
    expect(ended.exitCode, ended.stderr).toBe(1);
    const rescued =
      /dev-conflict was changed here while the job had it; the job's state is in (\S+)\n/.exec(ended.stderr)?.[1] ?? "";
    const state = () => flow.engine.state("first", "dev-conflict");
    expect(await state()).toMatch(/"here,"/);
    expect(await state()).not.toMatch(/"job,"/);
    await flow.engine.must("first", "stack", "import", "--stack", "dev-conflict", "--file", rescued);
    expect(await state()).toMatch(/"job,"/);
  });

  test("of a hostile runner brings home what it was given, whole or not at all, and what is refused is kept aside and named", async () => {
    const wait = flow.at("hostile.go");
    const file = flow.blueprint("hostile", {}, { config: { wait } });
    const first = runner.begin(file);
    await flow.there(`${wait}.began`);
    first.kill("SIGKILL");
    await first;
    const job = openJob();
    writeFileSync(wait, "");
    const there = (...path: string[]) => join(runner.jobs, job, ...path);
    await flow.there(there("exit"));

    const home = flow.engine.env.HOME ?? "";
    const knownHosts = (...path: string[]) => join(".config/holdfast/known_hosts", ...path);
    mkdirSync(join(home, knownHosts("runners")), { recursive: true });
    writeFileSync(join(home, knownHosts("runners/crunchy")), "192.0.2.9 ssh-ed25519 OURS\n");
    const plant = (path: string, content: string) => {
      mkdirSync(dirname(there(path)), { recursive: true });
      writeFileSync(there(path), content);
    };
    plant("backend/.pulumi/stacks/second/dev-hostile.json", '"this is no checkpoint"');
    plant("backend/.pulumi/stacks/runners/crunchy.json", '"neither is this"');
    plant(join("home", knownHosts("runners/crunchy")), "192.0.2.9 ssh-ed25519 AAAA\n");
    // Like a directory that is here.
    plant(join("home", knownHosts("foundation")), "x");
    mkdirSync(join(home, knownHosts("foundation")), { recursive: true });
    const forged = "home/.local/state/holdfast/evidence/runners/crunchy/20260101T000000Z-1-abc";
    const run = JSON.stringify({ run: "20260101T000000Z-1-abc", project: "runners", stack: "crunchy" });
    const sha256 = createHash("sha256").update(run).digest("hex");
    plant(`${forged}/run.json`, run);
    plant(`${forged}/manifest.json`, JSON.stringify({ files: [{ name: "run.json", sha256, size: run.length }] }));
    symlinkSync("/etc/passwd", there("backend/.pulumi/stacks/first/link.json"));

    const before = await flow.engine.state("second", "dev-hostile");
    const attached = await flow.engine.holdfast("dispatch", "attach", job);
    expect(attached.exitCode, attached.stderr).toBe(1);
    for (const [what, why] of [
      ["second/dev-hostile", "it is no checkpoint of version 3"],
      ['"backend/.pulumi/stacks/runners/crunchy.json"', "the job was not given it"],
      [`"home/${knownHosts("runners/crunchy")}"`, "the job was not given it"],
      [`"home/${knownHosts("foundation")}"`, "the job was not given it"],
      [`"${forged}/run.json"`, "the job was not given it"],
      ['"backend/.pulumi/stacks/first/link.json"', "it is no regular file but a symlink"],
    ] as const)
      expect(attached.stderr).toContain(`${what} is refused: ${why}`);
    expect(await flow.engine.state("second", "dev-hostile")).toBe(before);
    expect(readFileSync(join(home, knownHosts("runners/crunchy")), "utf8")).toContain("OURS");
    expect(namesIn(join(flow.state, "evidence/runners"))).toEqual([]);
    const aside = join(flow.state, "jobs", `${job}.refused`);
    expect(statSync(aside).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(aside, "1/state.json"), "utf8")).toBe('"this is no checkpoint"');
    // The rest is home, nothing is left there, and the next dispatch goes on.
    expect(await outputOf("first", "dev-hostile", "value")).toBe("a,");
    expect(await flow.statuses(file)).toEqual({ one: "ok", two: "error" });
    for (const directory of evidenceIn(attached.stderr))
      expect((await flow.engine.holdfast("evidence", "verify", directory)).exitCode).toBe(0);
    expect([left(), openJobs()]).toEqual([[], []]);
    const resumed = await runner.dispatch(file);
    expect(resumed.exitCode, resumed.stderr).toBe(0);
    expect(await outputOf("second", "dev-hostile", "value")).toBe("b,a,");
  });

  test("that is killed on the runner brings home how far it came; one of a runner that was rebuilt is forgotten on demand; the next goes on", async () => {
    const wait = flow.at("killed.go");
    const file = await runner.blueprint("killed", { config: { wait } });
    // Nothing of the command's own bundle, which would be made anew.
    const changed = flow.at("foundation/index.ts");
    const before = readFileSync(changed, "utf8");
    writeFileSync(changed, `${before}\n// Changed here.\n`);
    const refused = await runner.dispatch(file);
    expect(refused.stderr).toMatch(
      /has other programs than this checkout \(1 files, such as holdfast\/foundation\/index/,
    );
    expect([refused.exitCode, left(), openJobs()]).toEqual([2, [], []]);
    const first = runner.begin(file, "--any-release");
    await flow.there(`${wait}.began`);
    writeFileSync(changed, before);
    await killThere(openJob(), wait);
    const ended = await first;
    expect(ended.exitCode, ended.stderr).toBe(2);
    expect(ended.stderr).toContain("the job was killed there; what it left is here");
    expect([left(), openJobs()]).toEqual([[], []]);
    expect(await flow.statuses(file)).toEqual({ one: "interrupted" });

    for (const path of [wait, `${wait}.began`]) rmSync(path);
    const second = runner.begin(file);
    await flow.there(`${wait}.began`);
    const job = openJob();
    second.kill("SIGKILL");
    await second;
    await killThere(job, wait);
    for (const path of [join(runner.jobs, job), join(runner.secrets, job)]) rmSync(path, { recursive: true });
    const attached = await flow.engine.holdfast("dispatch", "attach", job);
    expect(attached.exitCode).toBe(2);
    expect(attached.stderr).toContain(`knows nothing of job ${job}: it was rebuilt`);
    expect((await flow.engine.holdfast("dispatch", "abandon", job)).stderr).toContain(`--confirm ${job}`);
    expect(openJobs()).toEqual([job]);
    const abandoned = await flow.engine.holdfast("dispatch", "abandon", job, "--confirm", job);
    expect(abandoned.stderr).toContain("pulumi refresh of first/dev-killed");
    expect(abandoned.exitCode).toBe(0);

    const resumed = await runner.dispatch(file);
    expect(resumed.exitCode, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/1\/1 one .*its last run was cut off/);
  });
});

/** Processes that lead a session of their own and were begun by a process: the Pulumi of a step. */
function sessionsBelow(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, above, , session] = readFileSync(`/proc/${name}/stat`, "utf8")
          .replace(/^.*\) /s, "")
          .split(" ");
        return Number(above) === parent && Number(session) === Number(name) ? [Number(name)] : [];
      } catch {
        return [];
      }
    });
}
