/**
 * Where holdfast keeps what is expensive to make: outside the checkout, so that a fresh clone is warm.
 */
import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/**
 * The cache directory: `HOLDFAST_CACHE`, else `$XDG_CACHE_HOME/holdfast`, else `~/.cache/holdfast`.
 * Everything below it can be deleted at any time; it is made again.
 */
export function cacheDirectory(...segments: string[]): string {
  const root = process.env.HOLDFAST_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "holdfast");
  const directory = resolve(root, ...segments);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}
