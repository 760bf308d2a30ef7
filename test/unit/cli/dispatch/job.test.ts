/**
 * The beginning and the end of a job, with a runner that is an object: what stays when its connection is lost, how it is looked
 * at, and who brings it home.
 *
 * Not proven here: what a shell does with a job's script (the engine ring has a runner of its own, the lab ring a VM).
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { checkpointPath } from "../../../../cli/backend.ts";
import { Interrupt } from "../../../../cli/blueprint/engine.ts";
import { RunEvidence } from "../../../../cli/blueprint/evidence.ts";
import { BeganError, type Order, sendJob } from "../../../../cli/dispatch/begin.ts";
import { abandoned, readDispatchEvidence, writeDispatchEvidence } from "../../../../cli/dispatch/evidence.ts";
import { abandon, settle, untilEnded } from "../../../../cli/dispatch/follow.ts";
import { advance, type Job, openJobs, refusedDirectory, writeJob } from "../../../../cli/dispatch/job.ts";
import type { OpsRunner, RunnerFacts } from "../../../../cli/dispatch/remote.ts";
import type { Unpacked } from "../../../../cli/dispatch/tarball.ts";
import { identityOf } from "../../../../cli/process.ts";
import type { Pulumi } from "../../../../cli/pulumi.ts";
import { stateOf } from "../../../../cli/stack-state.ts";
import type { OpsRunner as RunnerContract } from "../../../../lib/contracts/runner.ts";

const place = { project: "platform-vm", stack: "dev-pgha" };
const lost = () => Promise.reject(new Error("connection to 192.0.2.1 was lost"));
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "holdfast-dispatch-"));
  vi.stubEnv("HOME", join(root, "home"));
  vi.stubEnv("XDG_STATE_HOME", join(root, "home/.local/state"));
  onTestFinished(() => void vi.unstubAllEnvs());
  write(join(root, checkpointPath(place)), "{}");
});

function write(path: string, content: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const facts: RunnerFacts = { home: "/home/ops", user: "ops", release: "/opt/core/ab", memory: "/run", manifest: "" };

/** A runner that does what it is told, except for what a test says. */
function runnerWith(change: Partial<OpsRunner>): OpsRunner {
  const nothing = async () => {};
  const all = { look: async () => facts, send: nothing, sendSecrets: nothing, start: nothing, clean: nothing };
  return { ...all, ...change } as OpsRunner;
}

/** Sends a deploy of one stack. */
function send(runner: OpsRunner) {
  const contract = { vm: { name: "runner-01" }, prefix: "/opt/core", releaseDigest: "sha256:ab" } as RunnerContract;
  const path = write(join(root, "pgha.yml"), "kind: Blueprint\n");
  const step = { id: "pgha", ...place, config: {} };
  const plan = { ref: "platform/pgha@v1", env: "dev", steps: [step], problems: [] };
  const order = {
    ...{ loaded: { file: { path }, plan, problems: [] }, verb: "deploy", changes: true, json: false },
    ...{ opsRunner: { stack: "dev-runner", contract }, passed: [], anyRelease: true },
  } as unknown as Order;
  const interrupt = new Interrupt([]);
  const secrets = { files: new Map(), hasKey: false, hasPassphrase: false };
  const needs = { reads: [], files: [], problems: [] };
  return sendJob(runner, order, { id: "job-1", backend: { kind: "files", root }, needs, secrets }, interrupt);
}

/** Locks of the stack. */
const locks = () => {
  const directory = join(root, ".pulumi/locks/organization", place.project, place.stack);
  return existsSync(directory) ? readdirSync(directory) : [];
};

test("a job whose secrets may have stayed on the runner is remembered, with its stacks free; any other is forgotten", async () => {
  await expect(send(runnerWith({ sendSecrets: lost, clean: lost }))).rejects.toThrow(
    /job-1 did not begin: connection to 192\.0\.2\.1 was lost\. .* secrets among it, may still be on runner-01.*\n.*dispatch attach job-1 takes it away/,
  );
  expect(openJobs()).toEqual([expect.objectContaining({ id: "job-1", phase: "prepared", leases: [] })]);
  expect(locks()).toEqual([]);

  await expect(send(runnerWith({ sendSecrets: lost }))).rejects.toThrow(/^connection to 192\.0\.2\.1 was lost$/);
  expect([openJobs(), locks()]).toEqual([[], []]);
});

test.each([
  ["cannot be asked", lost],
  ["had not begun when it was asked, and cannot be taken away", async () => ({ at: "waiting" }) as const],
])("a job that %s keeps its stacks: it may have begun", async (_what, state) => {
  await expect(send(runnerWith({ start: lost, state, clean: lost }))).rejects.toThrow(BeganError);
  expect(openJobs()).toEqual([expect.objectContaining({ phase: "sent", leases: [expect.objectContaining(place)] })]);
  expect(locks()).toHaveLength(1);
});

test("a job whose words do not come is looked at with a pause in between; its last words are told all the same", async () => {
  const log = ["", "one ", "", "", "two "];
  let wholly = "";
  const runner = runnerWith({
    state: async () => (log.length > 0 ? { at: "running" } : { at: "ended", exitCode: 0 }),
    follow: async (_job, _from, output) => {
      const text = log.shift() ?? "";
      if (text !== "") output(Buffer.from(text));
      wholly += text;
    },
    rest: async (_job, from) => Buffer.from(`${wholly}three`.slice(from)),
  });
  let [told, pauses] = ["", 0];
  const output = (chunk: Buffer) => {
    told += chunk;
  };
  const progress = { offset: 0, interrupts: 0 };
  const state = await untilEnded(
    runner,
    {} as Job,
    progress,
    new Interrupt([]),
    { onOutput: output, note() {} },
    async () => pauses++,
  );
  expect([state, told, pauses]).toEqual([{ at: "ended", exitCode: 0 }, "one two three", 3]);
});

/** What a job left that did nothing. */
const nothing: Unpacked = { files: new Map(), directories: new Set(), refused: [] };

/** A job that is at work, with its record. */
function jobAtWork(): Job {
  const job: Job = {
    ...{ id: "job-1", runner: "dev-runner", vm: "runner-01", ref: "platform/pgha@v1", env: "dev", verb: "deploy" },
    ...{
      file: "/here/pgha.yml",
      command: [],
      changes: true,
      owner: "ada",
      host: "here",
      began: "",
      phase: "sent",
      passed: [],
    },
    ...{
      leases: [],
      steps: [{ id: "pgha", ...place, config: {} }],
      remote: { directory: "/jobs/1", secrets: "/run/1" },
    },
  };
  writeJob(job);
  return job;
}

test("of two processes that follow a job one brings it home, and the other says so with the job's exit code", async () => {
  const job = jobAtWork();
  const cleaned: string[] = [];
  const runner = runnerWith({
    fetch: async () => ({ ...nothing, files: new Map([["answer.out", Buffer.from("done\n")]]) }),
    clean: async ({ id }) => void cleaned.push(id),
  });
  const ended = { at: "ended", exitCode: 3 } as const;
  const both = await Promise.all([settle(runner, job, ended), settle(runner, job, ended)]);
  const [first, second] = both.sort((a, b) => Number(a?.elsewhere) - Number(b?.elsewhere));
  expect(first).toMatchObject({ exitCode: 3, answer: Buffer.from("done\n"), elsewhere: false });
  expect(second).toEqual({ exitCode: 3, answer: Buffer.alloc(0), elsewhere: true, evidence: first?.evidence });
  expect(await settle(runner, job, { at: "absent" })).toEqual(second);
  expect([cleaned, openJobs()]).toEqual([["job-1"], []]);
});

test("what another process did meanwhile counts, and not what was seen before; a runner that knows nothing of a job is said", async () => {
  const job = jobAtWork();
  const absent = runnerWith({ state: async () => ({ at: "absent" }) });
  await expect(settle(absent, job, { at: "waiting" })).rejects.toThrow(/knows nothing of job job-1: it was rebuilt/);
  advance(job, { phase: "merged", exitCode: 0 });
  expect(await settle(absent, job, { at: "ended", exitCode: 0 })).toMatchObject({ exitCode: 0, elsewhere: false });

  writeJob({ ...job, phase: "prepared" });
  rmSync(dirname(readDispatchEvidence(job)?.directory ?? ""), { recursive: true });
  for (const output of [/never began; nothing was changed/, /is over: another process took away what was left of it/])
    await expect(settle(absent, { ...job, phase: "prepared" }, { at: "absent" })).rejects.toThrow(output);
  writeDispatchEvidence(job, abandoned, undefined);
  await expect(settle(absent, job, { at: "absent" })).rejects.toThrow(/is over: another process forgot it on demand/);
});

test("what is still being sent is neither taken away nor forgotten as long as its sender lives", async () => {
  // Another process that lives.
  const sender = identityOf(process.ppid);
  const prepared = { ...jobAtWork(), phase: "prepared", host: hostname() } as const;
  const cleaned: string[] = [];
  const runner = runnerWith({ clean: async ({ id }) => void cleaned.push(id), state: async () => ({ at: "absent" }) });
  const attach = (job: Job) => {
    writeJob(job);
    return settle(runner, job, { at: "absent" });
  };
  await expect(attach({ ...prepared, sender })).rejects.toThrow(
    `job job-1 is still being sent, by pid ${process.ppid}; nothing was changed`,
  );
  await expect(abandon("job-1")).rejects.toThrow("is still being sent");
  expect([cleaned, openJobs()]).toEqual([[], [expect.objectContaining({ id: "job-1" })]]);

  // Sent, and not begun yet: it may begin at any moment.
  const waiting = runnerWith({ ...runner, state: async () => ({ at: "waiting" }) });
  const sent = { ...prepared, sender, phase: "sent" } as const;
  writeJob(sent);
  await expect(settle(waiting, sent, { at: "waiting" })).rejects.toThrow("is still being sent");
  expect([cleaned, openJobs()]).toEqual([[], [expect.objectContaining({ id: "job-1" })]]);

  // It did, and its sender was killed: it is followed, not brought home.
  const begun = { ...sent, sender: { ...sender, started: "1" } };
  writeJob(begun);
  const running = runnerWith({ ...runner, state: async () => ({ at: "running" }) });
  expect(await settle(running, begun, { at: "waiting" })).toBeUndefined();
  expect([cleaned, openJobs()]).toEqual([[], [expect.objectContaining({ phase: "sent" })]]);

  // The number was given to another process since.
  await expect(attach({ ...prepared, sender: { ...sender, started: "1" } })).rejects.toThrow("never began");
  expect([cleaned, openJobs()]).toEqual([["job-1"], []]);
});

test("a job that is abandoned while another process brings it home is home", async () => {
  const job = jobAtWork();
  let gone: Promise<string> | undefined;
  const runner = runnerWith({
    fetch: async () => {
      gone = abandon(job.id);
      return nothing;
    },
  });
  expect(await settle(runner, job, { at: "ended", exitCode: 0 })).toMatchObject({ exitCode: 0 });
  await expect(gone).rejects.toThrow("job job-1 is over: another process brought it home");
  expect(readDispatchEvidence(job)?.outcome).toBe("ok");
});

test("what cannot be brought home here is said so, nothing is taken away there, and the same command goes on", async () => {
  const job = jobAtWork();
  const cleaned: string[] = [];
  const planted: Unpacked = { ...nothing, files: new Map([["backend/.pulumi/stacks/a/b.json", Buffer.from("x")]]) };
  const ended = { at: "ended", exitCode: 0 } as const;
  const clean = async ({ id }: { id: string }) => void cleaned.push(id);
  const runner = runnerWith({ fetch: async () => planted, state: async () => ended, clean });
  // In the place of the directory for what is refused.
  const blocked = write(refusedDirectory(job.id), "");
  await expect(settle(runner, job, ended)).rejects.toThrow(
    /^what job job-1 left could not be brought home as a whole: E\w+: .*\n.*holdfast dispatch attach job-1/,
  );
  expect([cleaned, openJobs()]).toEqual([[], [expect.objectContaining({ phase: "ended" })]]);
  rmSync(blocked);
  expect(await settle(runner, job, ended)).toMatchObject({ exitCode: 1 });
  expect([cleaned, openJobs()]).toEqual([["job-1"], []]);
});

test("a stack that a job has is running, until what came of it is here; what only looks has no stack", async () => {
  const update = { kind: "update", result: "succeeded", startTime: "", endTime: "" };
  const pulumi = {
    ask: async (_place: object, [, command]: string[]) =>
      JSON.stringify(command === "export" ? { deployment: { resources: [{ urn: "a", type: "b" }] } } : [update]),
  } as unknown as Pulumi;
  const shown = async (change: Partial<Job>) => {
    writeJob({ ...jobAtWork(), ...change });
    const { status, reason } = await stateOf(pulumi, place, "dev");
    return reason === undefined ? status : `${status}: ${reason}`;
  };
  const running = "running: job job-1 on runner-01 has it: holdfast dispatch attach job-1";
  expect(await shown({})).toBe(running);
  expect(await shown({ phase: "ended" })).toBe(running);
  for (const free of [{ phase: "prepared" }, { phase: "merged" }, { changes: false }, { steps: [] }] as const)
    expect(await shown(free as Partial<Job>)).toBe("ok");
});

test("values that were passed on are hidden whatever their names are, and so is a passphrase in a file; short words stay", () => {
  vi.stubEnv("PULUMI_CONFIG_PASSPHRASE_FILE", write(join(root, "passphrase"), "open sesame\n"));
  for (const [name, value] of [["DSN", "db://ada:pw@db"] as const, ["MODE", "true"] as const, ["NONE", ""] as const])
    vi.stubEnv(name, value);
  const output = "true: db://ada:pw@db, open sesame";
  const job = { ...jobAtWork(), passed: ["DSN", "MODE", "NONE"], changes: true };
  const directory = writeDispatchEvidence({ ...job, command: [output] }, "failed", output);
  const evidence = ["runner.log", "dispatch.request.json"].map((name) => readFileSync(join(directory, name), "utf8"));
  for (const text of evidence) expect(text).toContain("true: [secret], [secret]");

  const about = { run: "1", ref: job.ref, env: job.env, verb: job.verb, versions: {} };
  expect(new RunEvidence(about).clean(output)).toBe("true: db://ada:pw@db, [secret]");
  // As its script sets it on a runner.
  vi.stubEnv("HOLDFAST_PASSED_ENV", job.passed.join(" "));
  expect(new RunEvidence(about).clean(output)).toBe("true: [secret], [secret]");
});
