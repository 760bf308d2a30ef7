/**
 * Files that travel between workstation and runner as one stream: packed and unpacked in memory. Whoever asks for a name gets what
 * it says; nothing is written here. What comes from a runner is data: bounded, and regular files under plain names alone.
 */
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { extract, type Header, pack } from "tar-stream";
import { Failure } from "../../lib/failure.ts";

/** Files by their path: relative, with `/`. */
export type Files = ReadonlyMap<string, Buffer>;

/** What a runner sent. */
export interface Unpacked {
  files: Map<string, Buffer>;
  /** Names of directories. */
  directories: Set<string>;
  /** What is taken for no file of a job, and why. */
  refused: { name: string; why: string }[];
}

/** How much is taken from a runner. */
export interface UnpackBounds {
  /** Bytes of one file. A state of thousands of resources has a few million. */
  fileBytes: number;
  /** Bytes of everything. */
  totalBytes: number;
  /** Files, directories and whatever else is in it. */
  entries: number;
}

const mebibyte = 1024 ** 2;
const usual: UnpackBounds = { fileBytes: 64 * mebibyte, totalBytes: 512 * mebibyte, entries: 50_000 };

/** Packs files, each for its owner alone. */
export async function packFiles(files: Files, executable: readonly string[] = []): Promise<Buffer> {
  const archive = pack();
  const packed = buffer(archive.pipe(createGzip({ level: 6 })));
  for (const [name, content] of files) {
    archive.entry({ name, mode: executable.includes(name) ? 0o700 : 0o600 }, content);
  }
  archive.finalize();
  return packed;
}

/**
 * Unpacks regular files.
 * @throws Failure for an archive that is none, or has more in it than a job leaves.
 */
export async function unpackFiles(archive: Buffer, bounds: UnpackBounds = usual): Promise<Unpacked> {
  const found: Unpacked = { files: new Map(), directories: new Set(), refused: [] };
  const reader = extract();
  let entries = 0;
  reader.on("entry", (header, stream, next) => {
    entries += 1;
    if (entries > bounds.entries) return next(tooMuch(`more than ${bounds.entries} files`));
    const name = header.name.replace(/^(\.\/)+/, "").replace(/\/+$/, "");
    const why = wrongWith(name, header, found, bounds);
    if (why !== undefined) found.refused.push({ name: header.name.slice(0, 300), why });
    else if (header.type === "directory") found.directories.add(name);
    else {
      buffer(stream).then((content) => {
        found.files.set(name, content);
        next();
      }, next);
      return;
    }
    stream.on("end", next).resume();
  });
  let total = 0;
  const counted = async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      total += chunk.length;
      if (total > bounds.totalBytes) throw tooMuch(`more than ${bounds.totalBytes / mebibyte} MiB`);
      yield chunk;
    }
  };
  try {
    await pipeline(Readable.from([archive]), createGunzip(), counted, reader);
  } catch (error) {
    throw error instanceof Failure
      ? error
      : new Failure(`what the runner sent is no archive: ${(error as Error).message}`);
  }
  return found;
}

function tooMuch(what: string): Failure {
  return new Failure(
    `the runner sent ${what}, which no job leaves; nothing was brought home`,
    "look at the job's directory there; where nothing of it is needed: holdfast dispatch abandon",
  );
}

/** Why an entry is no file or directory of a job; undefined where it is one. */
function wrongWith(name: string, { type, size = 0 }: Header, { files }: Unpacked, bounds: UnpackBounds) {
  const parts = name.split("/");
  if (name.startsWith("/")) return "its name is absolute";
  if (parts.includes("..")) return "its name leads out of the job's directory";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those are looked for.
  if (/[\u0000-\u001f\u007f\\]/.test(name)) return "its name has characters that no name of a job's has";
  if (name === "" || name === ".") return type === "directory" ? undefined : "it has no name";
  if (parts.some((part) => part === "" || part === ".") || name.length > 500) return "its name is none of a job's";
  if (type === "directory") return files.has(name) ? "it is a file and a directory" : undefined;
  if (type !== "file") return `it is no regular file but a ${type ?? "thing of an unknown kind"}`;
  if (size > bounds.fileBytes) return `it has ${size} bytes, and ${bounds.fileBytes} are taken`;
  if (files.has(name)) return "it is there twice";
  return undefined;
}
