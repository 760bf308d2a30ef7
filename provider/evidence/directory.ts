/**
 * Where evidence lies and how it is written: one directory for each run that changed something, for nobody but the
 * operator, with a manifest of what is in it. A reader never sees half a file.
 */
import { createHash, randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { stateRoot } from "../../lib/state-root.ts";

/** Mode of a run's directory and of every file in it. */
export const directoryMode = 0o700;
export const fileMode = 0o600;

/** Lists every other file of a run's directory. */
export const manifestName = "manifest.json";
/** What happened. */
export const runName = "run.json";

/** One file of a manifest. */
export interface ManifestEntry {
  name: string;
  /** SHA-256, 64 hexadecimal digits. */
  sha256: string;
  /** In bytes. */
  size: number;
}

/** `$XDG_STATE_HOME/holdfast/evidence`, else `~/.local/state/holdfast/evidence`. Not created here. */
export function evidenceRoot(): string {
  return join(stateRoot(), "evidence");
}

/**
 * Directory of a stack's runs.
 * @throws when a name could leave the evidence's own directory.
 */
export function stackDirectory(project: string, stack: string): string {
  for (const name of [project, stack]) {
    if (!/^\w[\w.-]*$/.test(name)) throw new Error(`${JSON.stringify(name)} is no name of a project or stack`);
  }
  return join(evidenceRoot(), project, stack);
}

/** The runs of a stack, oldest first: their names begin with the time. */
export function runsOf(project: string, stack: string): string[] {
  const directory = stackDirectory(project, stack);
  if (!existsSync(directory)) return [];
  const runs = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return runs.map(({ name }) => join(directory, name)).sort();
}

/** Writes files into a run's directory, and then the manifest of all that is in it. */
export function writeEvidence(directory: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(directory, { recursive: true, mode: directoryMode });
  for (const [name, content] of Object.entries(files)) replaceFile(directory, name, content);
  const names = readdirSync(directory).filter((name) => name !== manifestName);
  const manifest = { files: names.sort().map((name) => describeFile(directory, name)) };
  replaceFile(directory, manifestName, `${JSON.stringify(manifest, null, 2)}\n`);
}

/** What a manifest says of a file. */
export function describeFile(directory: string, name: string): ManifestEntry {
  const path = join(directory, name);
  const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
  return { name, sha256, size: statSync(path).size };
}

/** Beside the directory, not in it: a run that is killed here leaves nothing that its manifest does not list. */
function replaceFile(directory: string, name: string, content: string): void {
  const partial = `${directory}.${randomUUID()}.partial`;
  const file = openSync(partial, "wx", fileMode);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  chmodSync(partial, fileMode);
  renameSync(partial, join(directory, name));
}
