/**
 * Jobs on a runner, with the real engine, small programs and a real SSH server on loopback: what is sent and brought home, lost
 * connections, killed dispatchers and jobs, interrupts, refusals, and that the state has one home throughout. The runner is this
 * machine, with another home; a VM is in the lab ring.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sampleProcesses } from "../../lab/process-sampler.ts";
import { JobRunner, runnerStack } from "./dispatch.fixture.ts";
import { Flow, gone } from "./flow.fixture.ts";

const secret = "planted-Secret/43";
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
  /** What is left on the runner. */
  const left = () => [runner.jobs, runner.secrets].flatMap((path) => (existsSync(path) ? readdirSync(path) : []));
  const evidenceIn = (stderr: string) => [...stderr.matchAll(/^evidence: (.*)$/gm)].map(([, path = ""]) => path);
  const openJobs = async () => JSON.parse((await flow.engine.holdfast("dispatch", "status", "--json")).stdout);
  const pidOf = (job: string, name: string) => Number(readFileSync(join(runner.jobs, job, name), "utf8"));

  test("is made there and known here: state, record, evidence; and no secret is shown or stays", async () => {
    const file = flow.blueprint("job", {}, { secrets: ["token"], skip_if_state_ok: false });
    const lacking = await runner.dispatch(file);
    expect(lacking).toMatchObject({ exitCode: 2, stdout: "" });
    expect(lacking.stderr).toContain("second/dev-job has no secret token");
    await flow.engine.must("second", "config", "set", "--secret", "token", secret, "--stack", "dev-job");

    const sampler = sampleProcesses();
    const done = await runner.dispatch(file);
    const commandLines = [...sampler.stop()];
    expect(done.exitCode, done.stderr).toBe(0);
    expect(done.stderr).toMatch(/✓ 2\/2 two \(second\/dev-job\): ok, 2 created/);
    expect(await outputOf("second", "dev-job", "value")).toBe("b,a,");
    expect(await outputOf("second", "dev-job", "environment")).toBe("dev");
    expect(await flow.statuses(file)).toEqual({ one: "ok", two: "ok" });
    // A run from here finds nothing to do, and knows what the job's run was given.
    const again = await flow.deploy(file);
    expect(again.stderr).toMatch(/1\/2 one .*: skipped, its last run was green/);
    expect(again.stderr).toMatch(/2\/2 two .*: ok, 2 unchanged/);

    expect(left()).toEqual([]);
    expect(await openJobs()).toEqual([]);
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
    const file = runner.blueprint("attached", { config: { wait } });
    const first = runner.begin(file);
    await flow.there(`${wait}.began`);
    const [{ id: job }] = await openJobs();
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
    expect([left(), await openJobs()]).toEqual([[], []]);
  });

  test("is followed over a connection that is lost, and ends in order when it is interrupted", async () => {
    const wait = flow.at("cut.go");
    const file = runner.blueprint("cut", { config: { wait } });
    const dispatched = runner.begin(file);
    await flow.there(`${wait}.began`);
    runner.cut();
    let said = "";
    await new Promise<void>((resolve) => {
      dispatched.stderr.on("data", (chunk: Buffer) => {
        said += chunk;
        if (said.includes("was lost during") || said.includes("trying to reach it again")) resolve();
      });
    });
    dispatched.kill("SIGINT");
    const ended = await dispatched;
    expect(ended.exitCode, ended.stderr).toBe(130);
    expect(ended.stderr).toMatch(/✗ 1\/1 one .*cancelled/);
    expect(await flow.statuses(file)).toEqual({ one: "interrupted" });
    expect([left(), await openJobs()]).toEqual([[], []]);
  });

  test("that is killed on the runner brings home how far it came, and the same dispatch goes on", async () => {
    const wait = flow.at("killed-job.go");
    const file = runner.blueprint("killed-job", { config: { wait } });
    const dispatched = runner.begin(file);
    await flow.there(`${wait}.began`);
    const [{ id: job }] = await openJobs();
    const [script, command] = [pidOf(job, "pid"), pidOf(job, "command.pid")];
    const [pulumi] = sessionsBelow(command);
    for (const pid of [script, command]) process.kill(pid, "SIGKILL");
    writeFileSync(wait, "");
    if (pulumi) await gone(pulumi);
    const ended = await dispatched;
    expect(ended.exitCode, ended.stderr).toBe(2);
    expect(ended.stderr).toContain("the job was killed there; what it left is here");
    expect([left(), await openJobs()]).toEqual([[], []]);
    expect(await flow.statuses(file)).toEqual({ one: "interrupted" });

    const resumed = await runner.dispatch(file);
    expect(resumed.exitCode, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/1\/1 one .*its last run was cut off/);
  });

  test("whose lock was taken away never writes over another change: its state is kept beside", async () => {
    const wait = flow.at("conflict.go");
    const file = runner.blueprint("conflict", { config: { value: "job", wait } });
    const dispatched = runner.begin(file);
    await flow.there(`${wait}.began`);
    await flow.engine.must("first", "cancel", "--yes", "--stack", "dev-conflict");
    await flow.engine.must(
      "first",
      "up",
      "--yes",
      "--skip-preview",
      "--stack",
      "dev-conflict",
      "--config",
      "value=here",
    );
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

  test("of a runner that was rebuilt meanwhile is not taken for nothing, and is forgotten on demand", async () => {
    const wait = flow.at("rebuilt.go");
    const file = runner.blueprint("rebuilt", { config: { wait } });
    const dispatched = runner.begin(file);
    await flow.there(`${wait}.began`);
    const [{ id: job }] = await openJobs();
    dispatched.kill("SIGKILL");
    await dispatched;
    const [script, command] = [pidOf(job, "pid"), pidOf(job, "command.pid")];
    const [pulumi] = sessionsBelow(command);
    for (const pid of [script, command]) process.kill(pid, "SIGKILL");
    writeFileSync(wait, "");
    if (pulumi) await gone(pulumi);
    for (const path of [join(runner.jobs, job), join(runner.secrets, job)]) rmSync(path, { recursive: true });

    const attached = await flow.engine.holdfast("dispatch", "attach", job);
    expect(attached.exitCode).toBe(2);
    expect(attached.stderr).toContain(`knows nothing of job ${job}: it was rebuilt`);
    expect((await flow.engine.holdfast("dispatch", "abandon", job)).stderr).toContain(`--confirm ${job}`);
    expect(await openJobs()).toHaveLength(1);
    const abandoned = await flow.engine.holdfast("dispatch", "abandon", job, "--confirm", job);
    expect(abandoned).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("pulumi refresh of first/dev-rebuilt"),
    });
    expect(await flow.deploy(file)).toMatchObject({ exitCode: 0 });
  });

  test("does not begin where anything does not fit, with nothing sent", async () => {
    const file = runner.blueprint("refused");
    const refused = async (said: RegExp, ...args: Parameters<JobRunner["dispatch"]>) => {
      const { exitCode, stderr } = await runner.dispatch(...args);
      expect([exitCode, stderr]).toEqual([2, expect.stringMatching(said)]);
    };
    await refused(/--env is prod before the --, and dev behind it; nothing was sent/, file, "deploy", "--env", "prod");
    await refused(/--pass-env PATH: .*\n.*--pass-env NOT_SET_HERE: is not set here/, file, "deploy", ...passed);
    await refused(/a preflight executes nothing/, file, "preflight");
    await runner.publish({ env: "prod" });
    await refused(/is of the environment prod, and the job is of dev; nothing was sent/, file);
    await runner.publish({ capability: "absent" });
    await refused(new RegExp(`takes no work: .*absent\\n.*pulumi up --stack ${runnerStack}, in ops-runner/`), file);
    await runner.publish();
    writeFileSync(flow.at("cli/prompt.ts"), `${readFileSync(flow.at("cli/prompt.ts"), "utf8")}\n// Changed here.\n`);
    await refused(/has other programs than this checkout \(1 files, such as holdfast\/cli\/prompt\.ts\)/, file);
    expect([left(), await openJobs()]).toEqual([[], []]);
    expect(await runner.dispatch(file, "deploy", "--any-release")).toMatchObject({ exitCode: 0 });
  });
});

const passed = ["--pass-env", "PATH", "--pass-env", "NOT_SET_HERE"];

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
