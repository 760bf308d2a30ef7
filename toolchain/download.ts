/**
 * The second way: the official archive, checked against the checksum that its publisher publishes over TLS.
 *
 * `HOLDFAST_TOOLCHAIN_DOWNLOADS` is `off`, or the address of a mirror that has the archives and checksum files side by
 * side under their own names. Nothing is remembered about a failure beyond this process.
 */
import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import type { Way } from "./component.ts";

/** An official archive. It is data, so that it is part of a pin's digest. */
export interface Archive {
  readonly url: string;
  /** A file with lines `<hexadecimal SHA-256 or SHA-512>  <file name>`. */
  readonly checksums: string;
}

/** How long to wait, in milliseconds, and for how much. */
export interface Patience {
  /** For the answer to a request, connection included; default 5000. */
  answer?: number;
  /** For more of a body that has begun; default 30000. */
  idle?: number;
  /** Bytes of an archive; default 2 GiB, four times what the largest has. */
  bytes?: number;
}

/** Hosts that did not answer this process, and why: each is waited for once. */
const silent = new Map<string, string>();

/**
 * The way `downloaded`.
 * @param unpack puts the verified file where the component wants it.
 */
export function downloaded(
  archive: Archive,
  unpack: (file: string, directory: string) => Promise<void>,
  patience: Patience = {},
): Way {
  return {
    name: "downloaded",
    async make(directory) {
      const place = locate(archive);
      if (!place) return { made: false, why: "HOLDFAST_TOOLCHAIN_DOWNLOADS is off" };
      const scratch = join(directory, "download");
      mkdirSync(scratch);
      const file = join(scratch, basename(archive.url));
      try {
        const expected = await publishedChecksum(place, patience);
        await fetchTo(place.url, file, expected, patience);
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

async function publishedChecksum(place: Archive, patience: Patience): Promise<string> {
  const response = await request(place.checksums, patience, AbortSignal.timeout(patience.idle ?? 30_000));
  const name = basename(place.url);
  for (const line of (await textOf(response)).split("\n")) {
    const [checksum = "", file = ""] = line.trim().split(/\s+\*?/);
    if (file === name && /^([0-9a-f]{64}|[0-9a-f]{128})$/i.test(checksum)) return checksum.toLowerCase();
  }
  throw new Error(`${place.checksums} has no checksum for ${name}`);
}

/** A list of checksums is a few lines. */
async function textOf({ url, body }: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(part, { stream: true });
    if (text.length > 1024 * 1024) throw new Error(`${url} is longer than any list of checksums`);
  }
  return text;
}

async function fetchTo(url: string, file: string, expected: string, patience: Patience): Promise<void> {
  const response = await request(url, patience);
  if (!response.body) throw new Error(`${url} is empty`);
  const hash = createHash(expected.length === 64 ? "sha256" : "sha512");
  const stalled = new AbortController();
  const idle = patience.idle ?? 30_000;
  const timer = setTimeout(() => stalled.abort(), idle);
  const most = patience.bytes ?? 2 * 1024 ** 3;
  let size = 0;
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      timer.refresh();
      size += chunk.length;
      if (size > most) return done(new Error(`it is longer than ${most} bytes`));
      hash.update(chunk);
      done(undefined, chunk);
    },
  });
  try {
    const body = Readable.fromWeb(response.body as ReadableStream);
    await pipeline(body, watch, createWriteStream(file), { signal: stalled.signal });
  } catch (error) {
    throw new Error(stalled.signal.aborted ? `${url} stalled for ${idle} ms` : `${url} broke off: ${reason(error)}`);
  } finally {
    clearTimeout(timer);
  }
  const actual = hash.digest("hex");
  if (actual !== expected) {
    throw new Error(`${url} has checksum ${actual}, its publisher says ${expected}; it is not used`);
  }
}

/**
 * Requests an address. A host that does not answer is not asked again by this process.
 * @param whole ends the reading of the body too.
 */
async function request(url: string, patience: Patience, whole?: AbortSignal): Promise<Response> {
  const { host } = new URL(url);
  const before = silent.get(host);
  if (before) throw new Error(before);
  const limit = patience.answer ?? 5_000;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), limit);
  let response: Response;
  try {
    response = await fetch(url, { signal: whole ? AbortSignal.any([late.signal, whole]) : late.signal });
  } catch (error) {
    const why = `${host} does not answer (${late.signal.aborted ? `${limit} ms` : reason(error)})`;
    silent.set(host, why);
    throw new Error(why);
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return response;
}

function reason(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: string }; message: string };
  return cause?.code ?? message;
}
