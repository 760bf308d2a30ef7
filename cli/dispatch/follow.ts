/**
 * From the beginning of a job to its end: what it says is shown as it comes, a lost connection is made anew, and when it ended
 * all that it left is brought home and nothing of it stays on the runner.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { OpsRunner as OpsRunnerContract } from "../../lib/contracts/runner.ts";
import { Failure } from "../../lib/failure.ts";
import { withLock } from "../../lib/lock.ts";
import { releaseLease } from "../backend.ts";
import type { Interrupt } from "../blueprint/engine.ts";
import { BlueprintLock } from "../blueprint/lock.ts";
import { abandoned, readDispatchEvidence, writeDispatchEvidence } from "./evidence.ts";
import { advance, type Job, jobsRoot, readJob, refuseWhileSent, removeJob } from "./job.ts";
import { jobFiles } from "./job-script.ts";
import { merge } from "./merge.ts";
import type { OpsRunner, RemoteState } from "./remote.ts";
import { atOpsRunner } from "./runner.ts";
import type { Files, Unpacked } from "./tarball.ts";

/** How often a lost connection is made anew, each time with patience. */
const reconnects = 10;
/** Patience of one, in seconds. */
const reconnectSeconds = 60;

/** Between two looks at a job whose words do not come, in milliseconds. */
const lookMs = 1000;

/** How far a job was followed: bytes of its log, and interrupts that were passed on. */
interface Progress {
  offset: number;
  interrupts: number;
}

/** What is told while a job is followed. */
export interface Listener {
  /** What the job says. */
  onOutput(chunk: Buffer): void;
  /** Something about the connection. */
  note(text: string): void;
}

/** How a job ended. */
export interface JobEnd {
  exitCode: number;
  /** What it answers, for standard output. */
  answer: Buffer;
  evidence: string;
  /** Whether another process brought it home, which showed its answer. */
  elsewhere: boolean;
}

/**
 * Follows a job to its end, and brings home what it left.
 * @throws Failure when the runner is out of reach, or knows nothing of the job; the job stays open then.
 */
export async function followJob(
  job: Job,
  contract: OpsRunnerContract,
  interrupt: Interrupt,
  listener: Listener,
): Promise<JobEnd> {
  const progress: Progress = { offset: 0, interrupts: 0 };
  let reason = "";
  for (let attempt = 0; attempt <= reconnects; attempt++) {
    const before = progress.offset;
    try {
      return await atOpsRunner(contract, attempt === 0 ? 0 : reconnectSeconds, async (opsRunner) => {
        for (;;) {
          const state = await untilEnded(opsRunner, job, progress, interrupt, listener);
          const end = await settle(opsRunner, job, state);
          // It began only now. That happens once: nothing that began waits again.
          if (end) return end;
        }
      });
    } catch (error) {
      // What a person has to decide about does not get better by waiting.
      if (error instanceof Failure) throw error;
      reason = (error as Error).message;
      if (progress.offset > before) attempt = 0;
      listener.note(`${reason}; the job goes on without it, trying to reach it again`);
    }
  }
  throw new Failure(
    `${contract.vm.name} is out of reach: ${reason}. The job goes on there, and its stacks stay held`,
    `holdfast dispatch attach ${job.id}`,
  );
}

/**
 * Hands on what a job says until it does not run any more. @returns how it is then.
 * @param wait the pause between two looks that brought nothing: where `tail` cannot follow, it is at its end at once.
 */
export async function untilEnded(
  opsRunner: OpsRunner,
  job: Job,
  progress: Progress,
  interrupt: Interrupt,
  { onOutput }: Listener,
  wait: () => Promise<unknown> = () => pause(lookMs),
): Promise<RemoteState> {
  const take = (chunk: Buffer) => {
    progress.offset += chunk.length;
    onOutput(chunk);
  };
  const pass = async () => {
    while (progress.interrupts < interrupt.count) {
      progress.interrupts += 1;
      await opsRunner.interrupt(job);
    }
  };
  // A signal that cannot be passed on is lost with the connection, and passed on with the next.
  const forget = interrupt.listen(() => void pass().catch(() => {}));
  try {
    for (;;) {
      const state = await opsRunner.state(job);
      if (state.at === "running") {
        await pass();
        const before = progress.offset;
        await opsRunner.follow(job, before, take);
        if (progress.offset === before) await wait();
        continue;
      }
      if (state.at !== "absent") take(await opsRunner.rest(job, progress.offset));
      return state;
    }
  } finally {
    forget();
  }
}

/**
 * What comes of a job that does not run any more. One process at a time brings a job home; a second one finds it done.
 * @param seen how it was on its runner.
 * @returns nothing where the job runs by now: it is to be followed.
 */
export async function settle(opsRunner: OpsRunner, job: Job, seen: RemoteState): Promise<JobEnd | undefined> {
  return withLock(jobsRoot(), async () => {
    const current = readJob(job.id);
    if (!current) return broughtHome(job);
    // Only an end is for ever: who was seen waiting may have begun.
    const isOver = seen.at === "ended" && current.phase === job.phase;
    const state = isOver ? seen : await opsRunner.state(job);
    return state.at === "running" ? undefined : conclude(opsRunner, current, state);
  });
}

/**
 * Forgets a job whose runner is gone. @returns the evidence of that.
 * @throws Failure while it is still being sent, and where another process brought it home meanwhile.
 */
export function abandon(id: string): Promise<string> {
  return withLock(jobsRoot(), async () => {
    const job = readJob(id);
    if (!job) throw new Failure(`job ${id} is over: another process brought it home`, "nothing is left to abandon");
    refuseWhileSent(job);
    const evidence = writeDispatchEvidence(job, abandoned, undefined);
    forgetJob(job);
    return evidence;
  });
}

/** The end of a job whose record is gone. */
function broughtHome(job: Job): JobEnd {
  const end = readDispatchEvidence(job);
  if (end && end.outcome !== abandoned)
    return { exitCode: end.exitCode, answer: Buffer.alloc(0), evidence: end.directory, elsewhere: true };
  const what = end ? "forgot it on demand" : "took away what was left of it, for it never began";
  throw new Failure(`job ${job.id} is over: another process ${what}`, "dispatch it again");
}

async function conclude(opsRunner: OpsRunner, job: Job, state: RemoteState): Promise<JobEnd> {
  refuseWhileSent(job, state.at === "waiting");
  if (job.phase === "prepared") {
    await opsRunner.clean(job);
    forgetJob(job);
    throw new Failure(`job ${job.id} never began; nothing was changed`, "dispatch it again");
  }
  if (state.at === "absent") {
    if (job.phase === "merged") return close(opsRunner, job, new Map());
    throw new Failure(
      `${job.vm} knows nothing of job ${job.id}: it was rebuilt, or somebody removed ${job.remote.directory}. What the job changed there is not in the state here`,
      `look there first; then holdfast dispatch abandon ${job.id} --confirm ${job.id}, and pulumi refresh of ${job.steps.map(({ project, stack }) => `${project}/${stack}`).join(", ")}`,
    );
  }
  const exitCode = state.at === "ended" ? state.exitCode : 1;
  const left = await opsRunner.fetch(job);
  const ended = job.phase === "merged" ? job : bringHome(advance(job, { phase: "ended", exitCode }), left);
  const end = await close(opsRunner, ended, left.files);
  if (state.at === "ended") return end;
  const why = state.at === "waiting" ? "did not begin" : "was killed there";
  throw new Failure(
    `the job ${why}; what it left is here, and nothing of it is on ${job.vm}. evidence: ${end.evidence}`,
    "the same dispatch goes on from there",
  );
}

function bringHome(job: Job, left: Unpacked): Job {
  const conflicts = mergeOrSay(job, left);
  const merged = advance(job, { phase: "merged" });
  for (const lease of job.leases) releaseLease(lease);
  for (const conflict of conflicts) process.stderr.write(`! ${conflict}\n`);
  return conflicts.length > 0 ? advance(merged, { exitCode: Math.max(1, job.exitCode ?? 1) }) : merged;
}

/** @throws Failure where something here keeps it from coming home: what is done by then stays, and everything is there still. */
function mergeOrSay(job: Job, left: Unpacked): string[] {
  try {
    return merge(job, left);
  } catch (error) {
    const { message } = error as Error;
    throw new Failure(
      `what job ${job.id} left could not be brought home as a whole: ${message}. It is on ${job.vm} still, and its stacks stay held`,
      `mend that here, then holdfast dispatch attach ${job.id}`,
      { cause: error },
    );
  }
}

async function close(opsRunner: OpsRunner, job: Job, files: Files): Promise<JobEnd> {
  await opsRunner.clean(job);
  const { exitCode = 1 } = job;
  const outcome = exitCode === 0 ? "ok" : exitCode === 130 ? "interrupted" : "failed";
  const evidence = writeDispatchEvidence(job, outcome, files.get(jobFiles.log)?.toString("utf8"));
  forgetJob(job);
  return { exitCode, answer: files.get(jobFiles.answer) ?? Buffer.alloc(0), evidence, elsewhere: false };
}

/** Lets go of everything that a job holds here. */
export function forgetJob(job: Job): void {
  for (const lease of job.leases) releaseLease(lease);
  removeJob(job.id);
  BlueprintLock.releaseJob(job.ref, job.env, job.id);
}
