/**
 * Brings a release archive onto an operations runner: sent from this workstation in pieces, going on where an earlier attempt
 * was cut off, or fetched by the VM itself. Either way it counts only with its digest.
 */
import { existsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { pinnedPath } from "../../lib/download.ts";
import { releaseSuffix } from "../../lib/release/format.ts";
import { shellQuote, shellScript } from "../../lib/shell.ts";
import type { SshConnection } from "../../lib/ssh/connection.ts";

/** In one piece, in bytes. Each has a bound of its own. */
const pieceBytes = 4 * 1024 * 1024;
/** Bound on one piece: 4 MiB over a line of a quarter of a megabit a second. */
const pieceSeconds = 180;
/** Bound on a fetch by the VM: 200 MB over half a megabit a second. */
const fetchSeconds = 3600;

/** What is to be delivered, and where to. */
export interface Delivery {
  release: { sha256: string; url?: string | undefined };
  /** 0700, on the file system of the releases. */
  stage: string;
  /** For messages. */
  vm: string;
  say(text: string): void;
}

/** Where the archive is once it was delivered. */
export function stagedArchive({ stage, release }: Pick<Delivery, "stage" | "release">): string {
  return `${stage}/${release.sha256}${releaseSuffix}`;
}

/**
 * Delivers and checks the digest. @returns what was done, in words.
 * @throws when there is no room, or what arrived is something else: that is taken away again.
 */
export async function deliver(connection: SshConnection, delivery: Delivery): Promise<string> {
  const { release } = delivery;
  const done = release.url ? await fetchThere(connection, delivery, release.url) : await send(connection, delivery);
  const path = stagedArchive(delivery);
  const partial = shellQuote(`${path}.partial`);
  const found = (await connection.must(`sha256sum < ${partial}`, { timeoutSeconds: 600 })).split(" ")[0] ?? "";
  if (found !== release.sha256) {
    await connection.run(`rm -f ${partial}`);
    const from = release.url ?? "this workstation";
    throw new Error(
      `what arrived from ${from} has SHA-256 ${found}, expected ${release.sha256}; nothing was used. ${release.url ? "Either the file changed there or runner_release_archive_sha256 is wrong" : "The same command sends it anew"}`,
    );
  }
  await connection.must(`mv -f ${partial} ${shellQuote(path)}`);
  return done;
}

async function send(connection: SshConnection, delivery: Delivery): Promise<string> {
  const { release, stage, say } = delivery;
  const source = pinnedPath({ url: "", sha256: release.sha256 }, releaseSuffix);
  if (!existsSync(source)) {
    throw new Error(
      `release sha256:${release.sha256} is not in this workstation's cache; run \`pulumi up\` in ops-runner/, which puts it there`,
    );
  }
  const file = await open(source);
  try {
    const { size } = await file.stat();
    const partial = shellQuote(`${stagedArchive(delivery)}.partial`);
    const there = Number(await connection.must(`stat -c %s ${partial} 2>/dev/null || echo 0`));
    const from = there <= size ? there : 0;
    if (there > size) await connection.must(`rm -f ${partial}`);
    await roomFor(connection, delivery, stage, size - from + (await unpackedSize(file, size)));
    for (let at = from; at < size; at += pieceBytes) {
      say(`sending the release: ${megabytes(at)} of ${megabytes(size)} MB`);
      const piece = Buffer.alloc(Math.min(pieceBytes, size - at));
      await file.read(piece, 0, piece.length, at);
      await connection
        .must(`cat >> ${partial}`, { stdin: piece, timeoutSeconds: pieceSeconds })
        .catch((error: Error) => Promise.reject(withoutRoom(error, delivery.vm)));
    }
    return `sent ${megabytes(size - from)} of ${megabytes(size)} MB`;
  } finally {
    await file.close();
  }
}

const fetching = shellScript(import.meta.dirname, "fetch.sh");

async function fetchThere(connection: SshConnection, delivery: Delivery, url: string): Promise<string> {
  delivery.say(`${delivery.vm} fetches ${url}`);
  const fetch = fetching.call(url, `${stagedArchive(delivery)}.partial`);
  await connection
    .must(fetch, { timeoutSeconds: fetchSeconds })
    .catch((error: Error) => Promise.reject(withoutRoom(error, delivery.vm)));
  return `fetched ${url}`;
}

/**
 * Checks that the VM reaches where it has to fetch from.
 * @throws naming the host that it does not reach.
 */
export async function checkEgress(connection: SshConnection, vm: string, url: string): Promise<string> {
  const { hostname, port, protocol } = new URL(url);
  const number = port || (protocol === "https:" ? "443" : "80");
  const probe = shellQuote(`exec 3<>/dev/tcp/${hostname}/${number}`);
  const { code } = await connection.run(`timeout 10 bash -c ${probe}`, { timeoutSeconds: 20 });
  if (code === 0) return `${hostname}:${number} answers`;
  const what = protocol === "https:" ? "HTTPS" : "HTTP";
  throw new Error(
    `Private runner bootstrap requires outbound ${what} egress: ${vm} does not reach ${hostname}:${number}. Open it, or leave runner_release_archive_url out: the release is then sent over SSH, and the VM needs no egress`,
  );
}

/** What an archive of this workstation's cache needs on a VM, packed and unpacked, in bytes; undefined where it has none. */
export async function roomNeeded(sha256: string): Promise<number | undefined> {
  const source = pinnedPath({ url: "", sha256 }, releaseSuffix);
  if (!existsSync(source)) return undefined;
  const file = await open(source);
  try {
    const { size } = await file.stat();
    return size + (await unpackedSize(file, size));
  } finally {
    await file.close();
  }
}

/** @throws when the stage's file system has less than so many bytes free. */
async function roomFor(connection: SshConnection, { vm }: Delivery, stage: string, bytes: number): Promise<void> {
  const { free, mount } = freeIn(await connection.must(`df -Pk ${shellQuote(stage)}`));
  if (free >= bytes) return;
  throw new Error(
    `no room on ${vm}: the release needs ${megabytes(bytes)} MB on ${mount}, which has ${megabytes(free)} MB free; free some, or give the VM a larger disk_size_gb, then run the same command again`,
  );
}

/** Says of a disk that is full what to do about it; every other error stays as it is. */
export function withoutRoom(error: Error, vm: string): Error {
  if (!/No space left|Disk quota|write error|Failed writing/i.test(error.message)) return error;
  return new Error(
    `no room on ${vm}: ${error.message}; free some, or give the VM a larger disk_size_gb, then run the same command again`,
  );
}

/** What a gzip file unpacks to, as its last four bytes say; enough below 4 GiB. */
async function unpackedSize(file: FileHandle, size: number): Promise<number> {
  if (size < 18) return 0;
  const trailer = Buffer.alloc(4);
  await file.read(trailer, 0, 4, size - 4);
  return trailer.readUInt32LE();
}

/** What `df -Pk` says of one file system, its free room in bytes. */
export function freeIn(table: string): { free: number; mount: string } {
  const [, , , kilobytes = "0", , mount = ""] = (table.trim().split("\n").at(-1) ?? "").split(/\s+/);
  return { free: Number(kilobytes) * 1024, mount };
}

/** Bytes in megabytes, as a message has them. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e6 ? 1 : 0);
}
