/**
 * Waiting in the lab: always for something that can be observed, always with a bound, never a fixed sleep.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "../lib/failure.ts";

/** How a wait is bounded and what its failure says. */
export interface Wait {
  /** What is waited for, as the subject of "… did not happen within 5 s". Example: `the forge's answer`. */
  what: string;
  /** Milliseconds after which the wait fails. */
  boundMs: number;
  /** Milliseconds between two looks. Default 50. */
  everyMs?: number;
  /** What to look at when the time runs out: a command or a log file. */
  lookAt: string;
}

/**
 * Calls `probe` until it returns something other than `undefined` or `false`, and returns that.
 * A probe that throws ends the wait at once: only "not yet" is waited for.
 */
export async function until<T>(
  wait: Wait,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = performance.now() + wait.boundMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() >= deadline)
      throw new Failure(`${wait.what} did not come within ${wait.boundMs / 1000} s.`, `look at ${wait.lookAt}`);
    await delay(wait.everyMs ?? 50);
  }
}
