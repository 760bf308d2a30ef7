/**
 * The second way: the official archive, checked against the checksum that its publisher publishes over TLS.
 *
 * `HOLDFAST_TOOLCHAIN_DOWNLOADS` is `off`, or the address of a mirror that has the archives and checksum files side by
 * side under their own names. Nothing is remembered about a failure beyond this process.
 */
import { createWriteStream, mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { Writable } from "node:stream";
import { type DownloadLimits, download, Interrupted, NoFile } from "../lib/http/download.ts";
import { HttpFailure } from "../lib/http/failure.ts";
import type { Way } from "./component.ts";

/** An official archive. It is data, so that it is part of a pin's digest. */
export interface Archive {
  readonly url: string;
  /** A file with lines `<hexadecimal SHA-256 or SHA-512>  <file name>`. */
  readonly checksums: string;
}

/** An answer within 5 s, more of a body within 30 s; 2 GiB, four times what the largest archive has. */
const usual = { answerMs: 5_000, idleMs: 30_000, bytes: 2 * 1024 ** 3 };

/** Bytes of a list of checksums, which is a few lines. */
const listBytes = 1024 * 1024;

type Limits = Required<Omit<DownloadLimits, "totalMs">>;

/** Hosts that did not answer this process, and why: each is waited for once. */
const silent = new Map<string, string>();

/**
 * The way `downloaded`.
 * @param unpack puts the verified file where the component wants it.
 * @param changes of the usual bounds, for tests.
 */
export function downloaded(
  archive: Archive,
  unpack: (file: string, directory: string) => Promise<void>,
  changes: Partial<Limits> = {},
): Way {
  const limits = { ...usual, ...changes };
  return {
    name: "downloaded",
    async make(directory) {
      const place = locate(archive);
      if (!place) return { made: false, why: "HOLDFAST_TOOLCHAIN_DOWNLOADS is off" };
      const scratch = join(directory, "download");
      mkdirSync(scratch);
      const file = join(scratch, basename(archive.url));
      try {
        const expected = await publishedChecksum(place, limits);
        await fetchVerified(place.url, file, expected, limits);
        await unpack(file, directory);
      } catch (error) {
        return { made: false, why: (error as Error).message };
      }
      await rm(scratch, { recursive: true });
      return { made: true, detail: `from ${new URL(place.url).host}, checksum verified` };
    },
  };
}

/** Where to fetch from: the publisher, the mirror, or nowhere. */
function locate(archive: Archive): Archive | undefined {
  const mirror = process.env.HOLDFAST_TOOLCHAIN_DOWNLOADS?.replace(/\/+$/, "");
  if (mirror === "off") return undefined;
  if (!mirror) return archive;
  return { url: `${mirror}/${basename(archive.url)}`, checksums: `${mirror}/${basename(archive.checksums)}` };
}

async function publishedChecksum({ url, checksums }: Archive, limits: Limits): Promise<string> {
  const parts: Buffer[] = [];
  const sink = new Writable({
    write(part: Buffer, _encoding, done) {
      parts.push(part);
      done();
    },
  });
  const { answerMs, idleMs } = limits;
  await fetchTo(checksums, sink, "sha256", { answerMs, idleMs, totalMs: idleMs, bytes: listBytes });
  const name = basename(url);
  for (const line of Buffer.concat(parts).toString("utf8").split("\n")) {
    const [checksum = "", file = ""] = line.trim().split(/\s+\*?/);
    if (file === name && /^([0-9a-f]{64}|[0-9a-f]{128})$/i.test(checksum)) return checksum.toLowerCase();
  }
  throw new Error(`${checksums} has no checksum for ${name}`);
}

async function fetchVerified(url: string, file: string, expected: string, limits: Limits): Promise<void> {
  const algorithm = expected.length === 64 ? "sha256" : "sha512";
  const actual = await fetchTo(url, createWriteStream(file), algorithm, limits);
  if (actual === expected) return;
  throw new Error(`${url} has checksum ${actual}, its publisher says ${expected}; it is not used`);
}

/** Fetches from an address, and gives the digest. A host that does not answer is not asked again by this process. */
async function fetchTo(
  url: string,
  sink: Writable,
  algorithm: string,
  limits: Limits & Pick<DownloadLimits, "totalMs">,
): Promise<string> {
  const { host } = new URL(url);
  const before = silent.get(host);
  if (before) throw new Error(before);
  try {
    return await download(url, sink, algorithm, limits);
  } catch (error) {
    if (error instanceof NoFile) throw new Error(`${url} answers ${error.status}`);
    if (error instanceof Interrupted) {
      throw new Error(error.stalled ? `${url} stalled for ${limits.idleMs} ms` : `${url} broke off: ${error.message}`);
    }
    if (!(error instanceof HttpFailure)) throw error;
    const why = `${host} does not answer (${reasonOf(error, limits)})`;
    silent.set(host, why);
    throw new Error(why);
  }
}

function reasonOf({ kind, code, message, advice }: HttpFailure, { answerMs }: Limits): string {
  if (kind === "late") return `${answerMs} ms`;
  return advice === undefined ? code || message : `${message}; ${advice}`;
}
