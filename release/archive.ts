/**
 * Packs a release archive, the same bytes for the same content, and lists in it what it holds.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Pack, pack } from "tar-stream";
import { manifestName, type ReleaseEntry, releaseTime } from "../lib/release/format.ts";

/** A packed archive. */
export interface PackedRelease {
  /** 64 hexadecimal digits. */
  sha256: string;
  /** In bytes. */
  size: number;
}

/**
 * Packs the entries, in the order of their paths, whoever listed them.
 * @throws where a path is listed twice: which of the two would be unpacked is nobody's guess.
 */
export async function packRelease(entries: readonly ReleaseEntry[], file: string): Promise<PackedRelease> {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
  const twice = sorted.find(({ path }, index) => sorted[index + 1]?.path === path);
  if (twice) throw new Error(`${twice.path} is in the release twice`);
  const archive = pack();
  const hash = createHash("sha256");
  let size = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  const written = pipeline(archive, createGzip({ level: 6 }), meter, createWriteStream(file, { mode: 0o600 }));
  const filled = fill(archive, sorted).catch((error: Error) => {
    archive.destroy(error);
    throw error;
  });
  await Promise.all([filled, written]);
  return { sha256: hash.digest("hex"), size };
}

async function fill(archive: Pack, entries: readonly ReleaseEntry[]): Promise<void> {
  for (const name of directoriesOf(entries)) archive.entry({ ...common(`${name}/`, 0o755), type: "directory" });
  const lines: string[] = [];
  for (const entry of entries) {
    if ("linkTo" in entry) {
      archive.entry({ ...common(entry.path, 0o777), type: "symlink", linkname: entry.linkTo });
    } else lines.push(`${await add(archive, entry)}  ${entry.path}\n`);
  }
  const manifest = lines.join("");
  archive.entry(common(manifestName, 0o644), manifest);
  archive.finalize();
}

/** Adds a regular file. @returns the SHA-256 of what went in. */
async function add(archive: Pack, entry: Exclude<ReleaseEntry, { linkTo: string }>): Promise<string> {
  const header = common(entry.path, entry.executable ? 0o755 : 0o644);
  const hash = createHash("sha256");
  if ("text" in entry) {
    archive.entry(header, entry.text);
    return hash.update(entry.text).digest("hex");
  }
  const { size } = await stat(entry.from);
  await pipeline(
    createReadStream(entry.from),
    async function* (source) {
      for await (const chunk of source) {
        hash.update(chunk);
        yield chunk;
      }
    },
    new PassThrough(),
    archive.entry({ ...header, size }),
  );
  return hash.digest("hex");
}

function common(name: string, mode: number) {
  return { name, mode, mtime: releaseTime, uid: 0, gid: 0, uname: "root", gname: "root" };
}

/** Every directory, each before what is in it. */
function directoriesOf(entries: readonly ReleaseEntry[]): string[] {
  const names = new Set<string>();
  for (const { path } of entries) for (let name = dirname(path); name !== "."; name = dirname(name)) names.add(name);
  return [...names].sort();
}
