/**
 * Blueprints on the real engine, with small programs: deploy, failure and resume, two at once, interrupted, killed, destroyed,
 * and what is shown of it. It proves nothing about what the shipped blueprint's own steps do.
 */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { killSession } from "../../cli/blueprint/session.ts";
import { Flow, gone } from "./flow.fixture.ts";

const secret = "planted-Secret/42";
let flow: Flow;

beforeAll(async () => {
  flow = await Flow.open();
});
afterAll(() => flow?.close());

/** Makes the stacks of two steps, where making them is not what is asked about. */
const prepare = async (name: string) => {
  for (const project of ["first", "second"]) await flow.prepare({ project, stack: `dev-${name}` });
};
/** Everything that a deploy says of where its evidence is. */
const evidenceIn = (stderr: string) => /^evidence: (.*)$/m.exec(stderr)?.[1] ?? "";
const shown = async (reference: string) => {
  const { stdout, exitCode } = await flow.engine.holdfast("state", "show", "--env", "dev", "--json", reference);
  return { exitCode, ...JSON.parse(stdout) };
};

test("a step without its secret, then one that fails, then the rest: it goes on from where it stopped, and is destroyed", async () => {
  const broken = flow.at("resume.broken");
  writeFileSync(broken, "");
  const one = { retain_on_destroy: true };
  const two = { secrets: ["token"], force_run: true, skip_if_state_ok: false, config: { broken } };
  const file = flow.blueprint("resume", one, two);

  const lacking = await flow.deploy(file);
  expect(lacking).toMatchObject({ exitCode: 2, stdout: "" });
  expect(lacking.stderr).toContain("second/dev-resume has no secret token");
  expect(lacking.stderr).toContain("next: pulumi config set --secret token --stack dev-resume, in second/");
  await flow.engine.must("second", "config", "set", "--secret", "token", secret, "--stack", "dev-resume");
  // Keys and comments that are not the blueprint's own stay.
  const stackFile = flow.at("stacks/second/Pulumi.dev-resume.yaml");
  writeFileSync(stackFile, `${readFileSync(stackFile, "utf8")}  # set by hand\n  second:own: kept\n`);

  const failed = await flow.deploy(file);
  expect(failed.exitCode, failed.stderr).toBe(1);
  expect(failed.stderr).toMatch(/✓ 1\/2 one \(first\/dev-resume\): ok, 2 created.* [\d.]+ s\n/);
  expect(failed.stderr).toMatch(/✗ 2\/2 two \(second\/dev-resume\): failed/);
  expect(failed.stderr).toContain("asked to fail, with [secret] in its words");
  expect(failed.stderr).toContain(`holdfast blueprint deploy --env dev --file ${file} --execute`);
  expect(await flow.statuses(file)).toEqual({ one: "ok", two: "error" });
  expect(await shown("second#resume")).toMatchObject({ exitCode: 1, status: "error", stack: "second/dev-resume" });
  const forPeople = await flow.engine.holdfast("state", "show", "--env", "dev", "second#resume");
  expect(forPeople).toMatchObject({ exitCode: 1, stderr: "" });
  expect(forPeople.stdout).toMatch(/^status: +error$/m);
  expect(readFileSync(stackFile, "utf8")).toContain("# set by hand");
  expect(parse(readFileSync(stackFile, "utf8")).config).toMatchObject({ "second:own": "kept", "second:value": "b" });

  const fixed = flow.blueprint("resume", one, { ...two, config: { broken: "nothing" } });
  const done = await flow.deploy(fixed);
  expect(done.exitCode, done.stderr).toBe(0);
  expect(done.stderr).toMatch(/1\/2 one .*: skipped, .*a preview finds nothing to change/);
  expect(done.stderr).toMatch(/2\/2 two .*: ok.*its last run failed/);
  const state = await shown("second/dev-resume");
  const run = evidenceIn(done.stderr).split("/").at(-1);
  expect(state).toMatchObject({
    ...{ exitCode: 0, status: "ok", blueprint: { ref: "test/resume@v1", step: "two", run, status: "ok" } },
    outputs: { value: "b,a,", environment: "dev", forced: run, token: "[secret]" },
  });

  expect((await flow.verb("destroy", fixed, "--execute")).exitCode).toBe(0);
  expect(await flow.statuses(fixed)).toEqual({ one: "ok", two: "destroyed" });
  expect(await shown("second#resume")).toMatchObject({ exitCode: 1, status: "destroyed" });
  expect((await shown("first#resume")).status).toBe("ok");

  const directories = [failed.stderr, done.stderr].map(evidenceIn);
  for (const directory of directories) {
    expect((await flow.engine.holdfast("evidence", "verify", directory)).stdout).toContain("is as it was written");
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    const files = readdirSync(directory).map((name) => join(directory, name));
    expect(files.filter((path) => (statSync(path).mode & 0o777) !== 0o600)).toEqual([]);
    expect(files.filter((path) => readFileSync(path, "utf8").includes(secret))).toEqual([]);
  }
  const [first] = directories.map((directory) => JSON.parse(readFileSync(join(directory, "run.json"), "utf8")));
  expect(first).toMatchObject({
    status: "failed",
    steps: [
      { id: "one", outcome: "ok" },
      { id: "two", outcome: "failed" },
    ],
  });
  const listed = await flow.engine.holdfast("evidence", "list", "blueprint", "dev-test.resume.v1");
  expect(listed.stdout).toMatch(/intact {2}1 ok, 1 failed\n.*intact {2}1 skipped, 1 ok\n.*intact {2}1 ok, 1 retained/);
  expect(failed.stdout + failed.stderr + done.stderr).not.toContain(secret);
});

test("a second deploy is refused while one is at work, and an interrupt ends the running step in order", async () => {
  const wait = flow.at("lock.go");
  await prepare("lock");
  const file = flow.blueprint("lock", { config: { wait } });
  const first = flow.begin(file);
  await flow.there(`${wait}.began`);

  const second = await flow.deploy(file);
  expect(second.exitCode).toBe(2);
  expect(second.stderr).toMatch(
    new RegExp(
      `blueprint test/lock@v1 in dev is at work: deploy by \\S+ on \\S+ \\(pid ${first.pid}, .*\\), for \\d+ s`,
    ),
  );
  expect(second.stderr).toContain("nothing was changed");
  expect((await flow.verb("status", file)).stdout).toMatch(
    /at work: deploy by .*, at one\n(?:.*\n)*one +first\/dev-lock +running/,
  );
  expect((await shown("first#lock")).status).toBe("running");

  first.kill("SIGINT");
  const ended = await first;
  expect(ended.exitCode, ended.stderr).toBe(130);
  expect(ended.stderr).toMatch(/✗ 1\/2 one .*cancelled/);
  expect(await flow.statuses(file)).toEqual({ one: "interrupted", two: "never run" });
  expect((await flow.engine.holdfast("evidence", "verify", evidenceIn(ended.stderr))).exitCode).toBe(0);

  writeFileSync(wait, "");
  const resumed = await flow.deploy(file);
  expect(resumed.exitCode, resumed.stderr).toBe(0);
  expect(resumed.stderr).toMatch(/1\/2 one .*: ok.*its last run was cut off/);
});

test("a deploy that is killed at the end of a step leaves Pulumi to end in order, and goes on with the next one", async () => {
  const wait = flow.at("boundary.go");
  await prepare("boundary");
  const file = flow.blueprint("boundary", { config: { wait } });
  const first = flow.begin(file);
  await flow.there(`${wait}.began`);
  first.kill("SIGKILL");
  await first;

  const early = await flow.deploy(file);
  expect(early.exitCode).toBe(2);
  const pid = flow.pulumiOf("boundary");
  expect(early.stderr).toContain(`was killed, and its pulumi (pid ${pid}) is still at work on one`);
  writeFileSync(wait, "");
  await gone(pid);

  expect(await flow.statuses(file)).toEqual({ one: "interrupted", two: "never run" });
  const resumed = await flow.deploy(file);
  expect(resumed.exitCode, resumed.stderr).toBe(0);
  expect(resumed.stderr).toMatch(/1\/2 one .*: ok, 2 unchanged, its last run was cut off/);
  expect(await flow.statuses(file)).toEqual({ one: "ok", two: "ok" });
});

test("a deploy that is killed before, in and after each of three steps goes on from there, and repeats nothing", async () => {
  const [atTwo, atThree] = [flow.at("every.two"), flow.at("every.three")];
  await prepare("every");
  await flow.prepare({ project: "first", stack: "dev-every-three" });
  const trusted = { verify_state_on_skip: false };
  const file = flow.blueprint(
    "every",
    trusted,
    { ...trusted, config: { wait: atTwo } },
    { ...trusted, config: { wait: atThree } },
  );
  const killed = async (at: string) => {
    const { exitCode, stderr } = await flow.deployKilledAt(file, at);
    expect(exitCode, stderr).toBe(-1);
    return stderr;
  };
  /** Kills it with its Pulumi, in the middle of a step, and lets the next one through. */
  const killedIn = async (wait: string) => {
    const running = flow.begin(file);
    await flow.there(`${wait}.began`);
    const pid = flow.pulumiOf("every");
    running.kill("SIGKILL");
    killSession(pid);
    await running;
    await gone(pid);
    writeFileSync(wait, "");
    return pid;
  };

  await killed("one=running");
  expect(await flow.statuses(file)).toEqual({ one: "interrupted", two: "never run", three: "never run" });
  expect((await shown("first#every")).status).toBe("absent");
  expect(await killed("one=ok")).toMatch(/1\/3 one .*: ok, 2 created, its stack is empty/);

  const two = await killedIn(atTwo);
  // What is left where that happens in the middle of a write.
  writeFileSync(join(flow.engine.stateDirectory, ".pulumi/stacks/second/dev-every.json.attrs"), "");
  expect(await flow.statuses(file)).toEqual({ one: "ok", two: "interrupted", three: "never run" });
  const second = await killed("two=ok");
  expect(second).toContain("empty notes beside the state of second/dev-every are removed");
  expect(second).toContain(`the lock of a pulumi that was killed (pid ${two}) is taken from second/dev-every`);
  expect(second).toMatch(/1\/3 one .*: skipped/);

  const three = await killedIn(atThree);
  expect(await flow.statuses(file)).toEqual({ one: "ok", two: "ok", three: "interrupted" });
  expect(await killed("three=ok")).toContain(`pid ${three}) is taken from first/dev-every-three`);

  const done = await flow.deploy(file);
  expect(done.exitCode, done.stderr).toBe(0);
  expect(done.stderr.match(/\d\/3 \w+ .*: skipped, its last run was green/g)).toHaveLength(3);
  const places = [
    ["first", "dev-every"] as const,
    ["second", "dev-every"] as const,
    ["first", "dev-every-three"] as const,
  ];
  const updates = await Promise.all(places.map(([project, stack]) => flow.updatesOf(project, stack)));
  expect(updates).toEqual([1, 1, 1]);
});

test("init copies a shipped blueprint for its owner alone, and never over a copy", async () => {
  const ref = ["--ref", "networking/onprem-ops-runner@v1"];
  const init = (...more: string[]) =>
    flow.engine.holdfast("blueprint", "init", "--env", "dev", ...ref, "--dest-name", "onprem-ops-runner.yml", ...more);
  const made = await init();
  const path = join(flow.engine.env.HOME ?? "", ".hybridops/envs/dev/config/blueprints/onprem-ops-runner.yml");
  expect(made, made.stderr).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(path) });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  writeFileSync(path, "mine");
  const again = await init();
  expect(again).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("is there already") });
  expect(readFileSync(path, "utf8")).toBe("mine");
  expect((await init("--force")).exitCode).toBe(0);
  expect(existsSync(path) && readFileSync(path, "utf8")).toContain("CHANGE_ME_RUNNER_IP_CIDR");
});
