/**
 * Adapting one file of a Go module before it is built: from one text up to another, each of which must stand in it exactly
 * once, so that another version of the module is not adapted by accident.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { Failure } from "../lib/failure.ts";

/** One place of a file. It is data, so that it is part of a pin's digest. */
export interface Patch {
  /** The text that goes. */
  readonly from: string;
  /** What comes behind it: the first such text stays, and so does all behind it. Empty: nothing but `from` goes. */
  readonly until: string;
  /** What comes in its place. */
  readonly to: string;
}

/**
 * Adapts a file in place.
 * @param module what it belongs to, for the error.
 * @throws Failure when a place is not there, or not there alone.
 */
export function patchFile(module: string, path: string, patches: readonly Patch[]): void {
  writeFileSync(
    path,
    patches.reduce((text, patch) => patched(module, path, text, patch), readFileSync(path, "utf8")),
  );
}

function patched(module: string, path: string, text: string, { from, until, to }: Patch): string {
  const [before, after, ...more] = text.split(from);
  const end = after?.indexOf(until) ?? -1;
  if (before === undefined || after === undefined || more.length > 0 || end < 0) {
    throw new Failure(`${module} has no longer the one place in ${path} that is adapted: ${from.trim()}`);
  }
  return before + to + after.slice(end);
}
