/**
 * Files that only their owner may read, written whole or not at all.
 */
import { renameSync, writeFileSync } from "node:fs";

/** Writes a file with mode 0600 by one rename: a reader sees the old text or the new one. */
export function writePrivately(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, path);
}
