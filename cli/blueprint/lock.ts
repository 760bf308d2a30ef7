/**
 * One run at a time of a blueprint in an environment. A second one is told who is at work, and does not wait. What a dead
 * process of this host left behind is taken over; as long as the Pulumi that it started is at work, it is not dead.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { dirname } from "node:path";
import { z } from "zod";
import { Failure } from "../../lib/failure.ts";
import { withLock } from "../../lib/lock.ts";
import { isOpen } from "../dispatch/job.ts";
import { identityOf, isAlive, processSchema } from "../process.ts";
import { placeOf } from "./record.ts";

const lockSchema = z.object({
  run: z.string(),
  verb: z.string(),
  owner: z.string(),
  host: z.string(),
  /** UTC, ISO 8601. */
  began: z.string(),
  holder: processSchema,
  /** The Pulumi that is at work, and on which step. */
  pulumi: processSchema.extend({ step: z.string() }).optional(),
  /** Job on a runner, which goes on without the process that dispatched it. */
  job: z.string().optional(),
});

/** Who is at work. */
export type LockHolder = z.output<typeof lockSchema>;

/** A lock that this process holds. */
export class BlueprintLock {
  private constructor(
    private readonly path: string,
    private content: LockHolder,
  ) {}

  /**
   * @param isJob whether the run is a job on a runner: it is at work as long as its record is there.
   * @throws Failure when somebody else holds it, with who, where and since when.
   */
  static async take(ref: string, env: string, run: string, verb: string, isJob = false): Promise<BlueprintLock> {
    const path = lockPath(ref, env);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const content: LockHolder = {
      ...{ run, verb, owner: userInfo().username, host: hostname(), began: new Date().toISOString() },
      holder: identityOf(process.pid),
      ...(isJob ? { job: run } : {}),
    };
    // Who looks whether a lock is left behind, and who takes it over, must be one.
    await withLock(dirname(path), async () => {
      const holder = holderOf(ref, env);
      if (holder && isAtWork(holder)) throw refusal(holder, ref, env, path);
      write(path, content);
    });
    return new BlueprintLock(path, content);
  }

  /** Notes the process that is at work on a step. */
  works(step: string, pid: number): void {
    this.content = { ...this.content, pulumi: { ...identityOf(pid), step } };
    write(this.path, this.content);
  }

  release(): void {
    BlueprintLock.releaseOf(this.path, this.content.run);
  }

  /** Lets go of a lock that a job holds, from whatever process. */
  static releaseJob(ref: string, env: string, job: string): void {
    BlueprintLock.releaseOf(lockPath(ref, env), job);
  }

  private static releaseOf(path: string, run: string): void {
    if (read(path)?.run === run) rmSync(path, { force: true });
  }
}

/** Who holds the lock; a dead one too. */
export function holderOf(ref: string, env: string): LockHolder | undefined {
  return read(lockPath(ref, env));
}

function lockPath(ref: string, env: string): string {
  return `${placeOf(ref, env)}.lock`;
}

/** Whether a holder may still change something. Of another host nothing is known: it is taken to be. */
export function isAtWork({ host, holder, pulumi, job }: LockHolder): boolean {
  if (job !== undefined && isOpen(job)) return true;
  if (host !== hostname()) return true;
  return isAlive(holder) || (pulumi !== undefined && isAlive(pulumi));
}

function refusal(holder: LockHolder, ref: string, env: string, path: string): Failure {
  const { verb, owner, host, began, holder: one, pulumi } = holder;
  const age = ageOf(began);
  const who = `${owner} on ${host} (pid ${one.pid}, run ${holder.run}), ${age}`;
  const what = `blueprint ${ref} in ${env} is at work: ${verb} by ${who}; nothing was changed`;
  if (host !== hostname()) {
    return new Failure(what, `wait for it, or look there; when nothing runs there any more: rm ${path}`);
  }
  if (holder.job !== undefined && isOpen(holder.job)) {
    return new Failure(`${what}, as a job on a runner`, `holdfast dispatch attach ${holder.job}`);
  }
  if (isAlive(one)) return new Failure(what, `wait for it: holdfast blueprint status --env ${env} --ref ${ref}`);
  const left = `blueprint ${ref} in ${env}: the ${verb} of ${who} was killed, and its pulumi (pid ${pulumi?.pid}) is still at work on ${pulumi?.step}`;
  return new Failure(left, "wait for it to end, then the same command goes on from there");
}

/** How long ago, in words. */
export function ageOf(began: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(began)) / 1000));
  if (seconds < 120) return `for ${seconds} s`;
  return seconds < 7200 ? `for ${Math.round(seconds / 60)} min` : `for ${Math.round(seconds / 3600)} h`;
}

function read(path: string): LockHolder | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return lockSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    throw new Failure(`${path} is no lock of a blueprint`, `when nothing runs: rm ${path}`);
  }
}

function write(path: string, content: LockHolder): void {
  const partial = `${path}.${process.pid}.partial`;
  writeFileSync(partial, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(partial, path);
}
