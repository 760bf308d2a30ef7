/**
 * Downloads that are believed only when their SHA-256 is the expected one. Kept by digest outside the checkout.
 */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { cacheDirectory } from "./cache.ts";
import { download } from "./http/download.ts";
import type { HttpFailure } from "./http/failure.ts";
import { Meter, TooLong } from "./meter.ts";

/** Bound on one download, in milliseconds: an hour fetches 600 MB over 1.4 Mbit/s. */
const downloadMs = 3_600_000;

/** Bounds on the wait for an answer and for more of it, in milliseconds: a server that says nothing is not waited for an hour. */
const [answerMs, idleMs] = [60_000, 120_000];

/** Bytes of one download: more than an image of an operating system has, and less than a disk. */
const mostBytes = 32 * 1024 ** 3;

/** What to fetch. */
export interface PinnedFile {
  /** `https://`, `http://` or `file://`. */
  url: string;
  /** Expected SHA-256, 64 hexadecimal digits. */
  sha256: string;
}

/** Path at which a pinned file is kept once it was fetched. Decided by its digest alone. */
export function pinnedPath(file: PinnedFile, suffix: string): string {
  return `${cacheDirectory("downloads")}/${file.sha256}${suffix}`;
}

/**
 * Fetches the file unless it is there already. A file with another digest, or without an end, is deleted and refused.
 * @param most bytes that it may have, for tests.
 * @returns the path of the verified file.
 */
export async function fetchPinned(file: PinnedFile, suffix: string, most = mostBytes): Promise<string> {
  const path = pinnedPath(file, suffix);
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${randomUUID()}.partial`;
  try {
    const found = await copyAndHash(file.url, partial, most);
    if (found !== file.sha256) {
      throw new Error(
        `${file.url} has SHA-256 ${found}, expected ${file.sha256}: either the file changed upstream or the pin is wrong; nothing was used`,
      );
    }
    renameSync(partial, path);
    return path;
  } finally {
    rmSync(partial, { force: true });
  }
}

async function copyAndHash(url: string, path: string, most: number): Promise<string> {
  // Made before anything can fail: a stream that opens it later could make it again after its removal.
  const sink = await openFile(path, "wx", 0o600);
  try {
    const stream = sink.createWriteStream();
    return url.startsWith("file:") ? await copyHere(url, stream, most) : await fetchTo(url, stream, most);
  } finally {
    await sink.close();
  }
}

async function fetchTo(url: string, sink: Writable, bytes: number): Promise<string> {
  return download(url, sink, "sha256", { bytes, answerMs, idleMs, totalMs: downloadMs }).catch((error: Error) => {
    const { message, advice } = error as HttpFailure;
    throw new Error(`cannot download ${url}: ${message}${advice === undefined ? "" : `; ${advice}`}`, { cause: error });
  });
}

async function copyHere(url: string, sink: Writable, most: number): Promise<string> {
  const source = (await openFile(fileURLToPath(url))).createReadStream();
  const meter = new Meter("sha256", most);
  await pipeline(source, meter, sink).catch((error: Error) => {
    throw error instanceof TooLong ? new Error(`cannot read ${url}: ${error.message}`) : error;
  });
  return meter.digest();
}
