/**
 * The stand-in for forgejo-runner as one program, as the real one is: its modules joined, so that it can be installed, pinned
 * by digest, and baked into an image.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "../../lib/cache.ts";

/** Its modules, each after those that it uses. */
const modules = ["protocol", "settings", "docker", "actions", "places", "job", "main"] as const;
const fromSibling = new RegExp(`^from (${modules.join("|")}) import .*\\n`, "gm");

/** The program's text. */
export function runnerProgramText(): string {
  const parts = modules.map((name) => readFileSync(join(import.meta.dirname, "runner", `${name}.py`), "utf8"));
  return `#!/usr/bin/python3\n${parts.map((part) => part.replace(/^#!.*\n/, "").replace(fromSibling, "")).join("\n\n")}`;
}

/** The program as a file, in the cache, that can be run. */
export function runnerProgram(): string {
  const text = runnerProgramText();
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const path = join(cacheDirectory("lab", "stand-ins"), `forgejo-runner-${digest}`);
  if (existsSync(path)) return path;
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, text, { mode: 0o755 });
  renameSync(partial, path);
  return path;
}
