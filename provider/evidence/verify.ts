/**
 * Whether a run's evidence is as it was written: digests, sizes, modes, nothing missing and nothing extra.
 *
 * It finds what was changed by accident or by somebody who left the manifest alone. The manifest is not signed.
 */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { describeFile, directoryMode, fileMode, type ManifestEntry, manifestName } from "./directory.ts";

const manifestSchema = z.strictObject({
  files: z.array(
    z.strictObject({
      name: z.string().regex(/^\w[\w.-]*$/),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      size: z.int().min(0),
    }),
  ),
});

/**
 * Everything that differs, in words; nothing when the evidence is intact.
 * @throws when the directory cannot be read at all.
 */
export function differences(directory: string): string[] {
  const there = readdirSync(directory);
  const found = wrongMode(directory, "the directory", directoryMode);
  const files = manifestOf(directory);
  if (!files) return [...found, `${manifestName} is missing, or is no manifest`];
  found.push(...wrongMode(join(directory, manifestName), manifestName, fileMode));
  const listed = new Set(files.map(({ name }) => name));
  for (const name of there.filter((name) => name !== manifestName && !listed.has(name)).sort()) {
    found.push(`${name} is there, but not in the manifest`);
  }
  for (const file of files) found.push(...wrongWith(directory, file));
  return found;
}

function wrongWith(directory: string, expected: ManifestEntry): string[] {
  const { name } = expected;
  const path = join(directory, name);
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (!status) return [`${name} is missing`];
  if (!status.isFile()) return [`${name} is no regular file`];
  const found = wrongMode(path, name, fileMode);
  const { sha256, size } = describeFile(directory, name);
  if (size !== expected.size) found.push(`${name} has ${size} bytes, expected ${expected.size}`);
  if (sha256 !== expected.sha256) found.push(`${name} has SHA-256 ${sha256}, expected ${expected.sha256}`);
  return found;
}

function wrongMode(path: string, what: string, expected: number): string[] {
  const mode = lstatSync(path).mode & 0o7777;
  return mode === expected ? [] : [`${what} has mode ${octal(mode)}, expected ${octal(expected)}`];
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

/**
 * The same of files that lie nowhere yet, by name: everything that differs from their manifest, in words.
 */
export function fileDifferences(files: ReadonlyMap<string, Uint8Array>): string[] {
  const manifest = files.get(manifestName);
  const listed = manifest && entriesIn(Buffer.from(manifest).toString("utf8"));
  if (!listed) return [`${manifestName} is missing, or is no manifest`];
  const expected = new Map(listed.map((entry) => [entry.name, entry]));
  const extra = [...files.keys()].filter((name) => name !== manifestName && !expected.has(name));
  return [
    ...extra.map((name) => `${name} is there, but not in the manifest`),
    ...listed.flatMap(({ name, sha256, size }) => {
      const content = files.get(name);
      if (!content) return [`${name} is missing`];
      const is = createHash("sha256").update(content).digest("hex");
      return content.length === size && is === sha256 ? [] : [`${name} is not what the manifest says`];
    }),
  ];
}

function entriesIn(text: string): ManifestEntry[] | undefined {
  try {
    return manifestSchema.parse(JSON.parse(text)).files;
  } catch {
    return undefined;
  }
}

function manifestOf(directory: string): ManifestEntry[] | undefined {
  const path = join(directory, manifestName);
  if (!lstatSync(path, { throwIfNoEntry: false })?.isFile()) return undefined;
  return entriesIn(readFileSync(path, "utf8"));
}
