/**
 * One temporary directory for a whole test run, removed at its end: what tests leave in `tmpdir()` goes with it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Called by vitest before its workers start, which inherit the environment. */
export function setup(): () => void {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-tests-"));
  const before = process.env.TMPDIR;
  process.env.TMPDIR = directory;
  return () => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(directory, { recursive: true, force: true });
  };
}
