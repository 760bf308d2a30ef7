/**
 * Trying again what may go better in a moment, within bounds that whoever waits can bear.
 */
import { setTimeout as pause } from "node:timers/promises";

/** How often something is tried, and for how long. */
export interface RetryPolicy {
  /** Tries at most, the first one among them. */
  attempts: number;
  /** Milliseconds that one try may take. */
  attemptMs: number;
  /** Milliseconds between two tries. */
  pauseMs: number;
  /** Milliseconds after which no other try begins, and the last one ends. Default: no bound of its own. */
  totalMs?: number;
}

/**
 * Tries until it succeeds. Each pause is twice as long as the one before, and none is exact: those who lost a service together do
 * not come back to it together.
 * @param once makes a try that ends within the milliseconds that it is given.
 * @param mayPass whether another try may go better after an error.
 * @param signal ends it all, with its reason.
 * @throws the last try's error.
 */
export async function retrying<T>(
  policy: RetryPolicy,
  once: (ms: number) => Promise<T>,
  mayPass: (error: unknown) => boolean,
  signal?: AbortSignal,
): Promise<T> {
  const end = Date.now() + (policy.totalMs ?? Number.POSITIVE_INFINITY);
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(Math.max(1, Math.min(policy.attemptMs, Math.ceil(end - Date.now()))));
    } catch (error) {
      const ms = policy.pauseMs * 2 ** (attempt - 1) * (0.5 + Math.random());
      if (!mayPass(error) || attempt >= policy.attempts || Date.now() + ms >= end) throw error;
      await pause(ms, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }
}
