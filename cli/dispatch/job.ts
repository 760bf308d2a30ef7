/**
 * A job on a runner, as the workstation that dispatched it remembers it: written before each step that matters, so that whoever
 * attaches later goes on from there. A job whose record is there is not over.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { Failure } from "../../lib/failure.ts";
import { stateRoot } from "../../lib/state-root.ts";
import { isAlive, processSchema } from "../process.ts";
import type { StackPlace } from "../pulumi.ts";

const lease = z.object({
  project: z.string(),
  stack: z.string(),
  /** Path of the lock in the backend. */
  lock: z.string(),
  /** Of the checkpoint that was sent, 64 hexadecimal digits: a merge writes over no other. */
  sha256: z.string(),
});

const job = z.object({
  id: z.string().regex(/^\w[\w.-]*$/),
  /** Stack of ops-runner, and the physical name of its VM. */
  runner: z.string(),
  vm: z.string(),
  ref: z.string(),
  env: z.string(),
  verb: z.enum(["deploy", "destroy", "preflight"]),
  /** The blueprint's file here. */
  file: z.string(),
  /** What is run there, behind `holdfast`. */
  command: z.array(z.string()),
  /** Whether it changes anything. */
  changes: z.boolean(),
  /** Names of the environment's variables that went along: their values are hidden. */
  passed: z.array(z.string()).default([]),
  owner: z.string(),
  host: z.string(),
  /** Who sends it; what it sends is nobody else's as long as it lives. */
  sender: processSchema.optional(),
  /** UTC, ISO 8601. */
  began: z.string(),
  /**
   * `prepared`: nothing runs there. `sent`: it may run. `ended`: it ended, and what came of it may not be here yet.
   * `merged`: it is here, and there may be something left there.
   */
  phase: z.enum(["prepared", "sent", "ended", "merged"]),
  exitCode: z.int().optional(),
  /** Root of the backend in files; absent where both ends reach the backend. */
  backend: z.string().optional(),
  leases: z.array(lease),
  /** The steps' stacks, with the configuration that they get. */
  steps: z.array(
    z.object({ id: z.string(), project: z.string(), stack: z.string(), config: z.record(z.string(), z.unknown()) }),
  ),
  /** Its directory on the runner, and the one with its secrets. */
  remote: z.object({ directory: z.string(), secrets: z.string() }),
});

/** A job. */
export type Job = z.output<typeof job>;
/** A stack's state, held for a job. */
export type Lease = z.output<typeof lease>;

/** Directory of the records. Whoever brings a job home holds its lock. */
export function jobsRoot(): string {
  return join(stateRoot(), "jobs");
}

function pathOf(id: string): string {
  return join(jobsRoot(), `${id}.json`);
}

/** Directory of what could not be merged. */
export function rescueDirectory(id: string): string {
  return join(jobsRoot(), `${id}.rescued`);
}

/** Directory of what a runner sent and is refused. */
export function refusedDirectory(id: string): string {
  return join(jobsRoot(), `${id}.refused`);
}

/** Whether a job's record is still there. */
export function isOpen(id: string): boolean {
  return existsSync(pathOf(id));
}

/** A job as its record has it now; undefined where it is over. */
export function readJob(id: string): Job | undefined {
  return isOpen(id) ? read(pathOf(id)) : undefined;
}

/** Writes the record as a whole. */
export function writeJob(content: Job): void {
  const path = pathOf(content.id);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${process.pid}.partial`;
  writeFileSync(partial, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(partial, path);
}

/** Notes how far a job is. */
export function advance(content: Job, more: Partial<Pick<Job, "phase" | "exitCode" | "leases">>): Job {
  const next = { ...content, ...more };
  writeJob(next);
  return next;
}

/**
 * Whether another process of this host is dispatching a job: sends it, or waits for it to begin. Of another host nothing is known:
 * it is taken not to be.
 * @param waits whether the job was seen on its runner, not begun yet.
 */
export function isBeingSent({ phase, host, sender }: Job, waits = false): boolean {
  if (phase !== "prepared" && !(phase === "sent" && waits)) return false;
  return sender !== undefined && sender.pid !== process.pid && host === hostname() && isAlive(sender);
}

/** @throws Failure while a job is being sent: nobody else may take away what is sent. */
export function refuseWhileSent(job: Job, waits = false): void {
  if (!isBeingSent(job, waits)) return;
  throw new Failure(
    `job ${job.id} is still being sent, by pid ${job.sender?.pid}; nothing was changed`,
    `wait for it, or end it (kill ${job.sender?.pid}), then the same command`,
  );
}

/** Forgets a job. */
export function removeJob(id: string): void {
  rmSync(pathOf(id), { force: true });
}

/** The jobs that are not over, the oldest first. */
export function openJobs(): Job[] {
  const root = jobsRoot();
  if (!existsSync(root)) return [];
  const names = readdirSync(root).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => read(join(root, name)));
}

/** The job that has a stack on its runner, or has not brought it home yet. */
export function jobWith({ project, stack }: StackPlace): Job | undefined {
  return openJobs().find(({ changes, phase, steps }) => {
    const isThere = changes && (phase === "sent" || phase === "ended");
    return isThere && steps.some((step) => step.project === project && step.stack === stack);
  });
}

/** The job that is meant: by its id, or the only one. @throws Failure when there is none, or which one is not said. */
export function openJob(id: string | undefined): Job {
  const jobs = openJobs();
  const found = id === undefined && jobs.length === 1 ? jobs[0] : jobs.find((one) => one.id === id);
  if (found) return found;
  if (jobs.length === 0)
    throw new Failure("no job of this workstation is open", "holdfast dispatch --runner … begins one");
  const list = jobs.map((one) => `\n  ${one.id}  ${one.verb} of ${one.ref} in ${one.env} on ${one.vm}`).join("");
  throw new Failure(
    id === undefined ? `which job is not said:${list}` : `there is no open job ${id}; there are:${list}`,
  );
}

function read(path: string): Job {
  try {
    return job.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    throw new Failure(`${path} is no record of a job`, "look at it; without it, stacks that a job held stay locked");
  }
}
