/**
 * One process at a time works on one directory of the cache; a second one waits, says for what, and finds it done.
 */
import { lock } from "proper-lockfile";
import { note } from "./progress.ts";

/** Milliseconds after which the lock of a killed process is taken over. */
const staleAfterMs = 15_000;

/**
 * Runs `work` while holding the lock of `directory` (which must exist).
 * @param waitMs gives up after this many milliseconds (default 60 minutes: a cold build of everything takes less).
 */
export async function withLock<T>(directory: string, work: () => Promise<T>, waitMs = 3_600_000): Promise<T> {
  const options = { stale: staleAfterMs, update: staleAfterMs / 3, realpath: false };
  const release = await lock(directory, { ...options, retries: 0 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ELOCKED") throw error;
    note(`another process is at work on ${directory}; waiting for it (or remove ${directory}.lock if nothing runs)`);
    return lock(directory, {
      ...options,
      retries: { retries: Math.ceil(waitMs / 1000), factor: 1, minTimeout: 1000, maxTimeout: 1000 },
    });
  });
  try {
    return await work();
  } finally {
    await release();
  }
}
