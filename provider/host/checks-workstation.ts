/**
 * What a workstation needs before it deploys a VM: the libvirt provider's own programs, and the files that it fetches.
 * Looks at files and asks servers; fetches and changes nothing.
 */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { pinnedPath } from "../../lib/download.ts";
import { statusOf } from "../../lib/http/download.ts";
import { HttpFailure } from "../../lib/http/failure.ts";
import type { Check } from "../../lib/preflight/check.ts";
import type { Download, PreflightArgs } from "../../resources/host/preflight.ts";

/** Bound on one question to a server, in milliseconds. */
const askMs = 8_000;
/** Bound on reading a file for its digest, in milliseconds: 5 GB from a slow disk. */
const readMs = 18_000;

/** Everything about this workstation, side by side. */
export async function workstationChecks(
  { fenced }: Pick<PreflightArgs, "fenced">,
  downloads: readonly Download[],
  signal: AbortSignal,
): Promise<Check[]> {
  const programs = [programCheck("mkisofs", "genisoimage"), ...(fenced ? [programCheck("xsltproc", "xsltproc")] : [])];
  return [...programs, ...(await Promise.all(downloads.map((download) => downloadCheck(download, signal))))];
}

/** Programs that the libvirt provider runs: one makes cloud-init disks, one names the tap of a fenced VM. */
function programCheck(program: string, debianPackage: string): Check {
  const what = `${program} is installed on this workstation`;
  const there = (process.env.PATH ?? "").split(delimiter).some((directory) => existsSync(join(directory, program)));
  if (there) return { what, status: "ok" };
  return {
    what,
    status: "failed",
    found: `${program} is missing on this workstation, the libvirt provider needs it`,
    fix: `sudo apt-get install -y ${debianPackage}`,
  };
}

/** What is in the cache already was verified when it came in. */
export async function downloadCheck(file: Download, signal: AbortSignal): Promise<Check> {
  const what = `${file.what} can be had, with its digest`;
  if (existsSync(pinnedPath(file, file.suffix))) return { what, status: "ok", found: "here already, verified" };
  return { what, ...(await (file.url.startsWith("file:") ? localFile(file, signal) : remoteFile(file, signal))) };
}

/** Stands in that one's place where nothing is going to read the file: whether it can be had was not looked at. */
export function needlessDownload({ what }: Download): Check {
  return { what: `${what} is not needed`, status: "ok", found: "the host has what is made of it" };
}

/** Size of a file in bytes, where it is on this workstation; else undefined. */
export function knownSize(file: Download): number | undefined {
  const path = pinnedPath(file, file.suffix);
  const source = file.url.startsWith("file:") ? fileURLToPath(file.url) : path;
  return statSync(existsSync(path) ? path : source, { throwIfNoEntry: false })?.size;
}

type Finding = Omit<Check, "what">;

async function localFile({ url, sha256, key }: Download, signal: AbortSignal): Promise<Finding> {
  const hash = createHash("sha256");
  const bound = AbortSignal.timeout(readMs);
  try {
    await pipeline(createReadStream(fileURLToPath(url)), hash, { signal: AbortSignal.any([signal, bound]) });
  } catch (error) {
    if (bound.aborted) {
      return { status: "skipped", found: `not known: ${url} could not be read within ${readMs / 1000} s` };
    }
    const found = `${url} cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`;
    return { status: "failed", found, fix: `pulumi config set ${key} <URL>` };
  }
  const digest = hash.digest("hex");
  if (digest === sha256) return { status: "ok" };
  return {
    status: "failed",
    found: `${url} has SHA-256 ${digest}, expected ${sha256}`,
    fix: `get the right file, or, if this one is right: pulumi config set ${digestKey(key)} ${digest}`,
  };
}

async function remoteFile({ url, key }: Download, signal: AbortSignal): Promise<Finding> {
  const fix = `pulumi config set ${key} <URL>`;
  try {
    const status = await statusOf(url, askMs, signal);
    if (status >= 200 && status < 300) {
      return { status: "ok", found: "the server has it; its digest is checked when it is fetched" };
    }
    if (status === 405 || status === 501) {
      return {
        status: "skipped",
        found: `not known: the server of ${url} does not say what it has without sending it`,
      };
    }
    return { status: "failed", found: `${url}: the server answered ${status}`, fix };
  } catch (error) {
    const { code, message, advice } = HttpFailure.from(error as Error);
    if (advice !== undefined) return { status: "failed", found: `${url} cannot be asked for: ${message}`, fix: advice };
    const reason = code || message;
    return { status: "failed", found: `${url} cannot be reached: ${reason}`, fix: `${fix}, for example file:///…` };
  }
}

/** `vm.image.url` → `vm.image.sha256`. */
function digestKey(urlKey: string): string {
  return urlKey.replace(/url$/, "sha256");
}
