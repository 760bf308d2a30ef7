/**
 * Where the states of stacks are. A backend in files of this workstation is out of a runner's reach: a job gets a copy of what it
 * needs, and until its result is back the stacks are held here by a lock that Pulumi itself respects. The layout is that of
 * Pulumi's own store, version 1.
 */
import { createHash, randomUUID } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir, hostname, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { parse } from "yaml";
import { Failure } from "../lib/failure.ts";
import { signatureKey } from "../provider/signatures.ts";
import type { Lease } from "./dispatch/job.ts";
import type { Pulumi, StackPlace } from "./pulumi.ts";

/** Where the states are: in files below `root`, or at a URL that both ends reach. */
export type Backend = { kind: "files"; root: string } | { kind: "shared"; url: string };

/** Version of the store's layout that is understood here. */
const layoutVersion = 1;

/** The operator's backend. @throws Failure for one in files whose layout is another. */
export async function backendOf(pulumi: Pulumi): Promise<Backend> {
  const url = await pulumi.backendUrl();
  if (!url.startsWith("file://")) return { kind: "shared", url };
  const path = (url.slice("file://".length).split("?")[0] ?? "").replace(/^~(?=\/|$)/, homedir());
  const meta = join(path, ".pulumi", "meta.yaml");
  const version = existsSync(meta)
    ? (parse(readFileSync(meta, "utf8")) as { version?: unknown } | null)?.version
    : undefined;
  if (version === layoutVersion) return { kind: "files", root: path };
  throw new Failure(
    `the backend ${url} has another layout (version ${String(version ?? "unknown")}) than can be sent to a runner`,
    "pulumi state upgrade; a backend without any stack has none yet",
  );
}

/** Where a stack's checkpoint is, from the backend's root, as a new one is written. */
export function checkpointPath({ project, stack }: StackPlace): string {
  return `.pulumi/stacks/${project}/${stack}.json`;
}

/** Directory of a stack's history, from the backend's root. */
export function historyPath({ project, stack }: StackPlace): string {
  return `.pulumi/history/${project}/${stack}`;
}

/** Whether a stack has a state in the backend. */
export function hasState(root: string, place: StackPlace): boolean {
  return ["", ".gz", ".zst"].some((ending) => existsSync(join(root, checkpointPath(place)) + ending));
}

/** A checkpoint as it lies there. */
export interface Checkpoint {
  path: string;
  /** JSON. */
  text: string;
  /** Of the text: 64 hexadecimal digits. */
  sha256: string;
}

/** A stack's checkpoint. @throws Failure where there is none that can be read. */
export function readCheckpoint(root: string, place: StackPlace): Checkpoint {
  const plain = join(root, checkpointPath(place));
  const path = [plain, `${plain}.gz`].find((one) => existsSync(one));
  if (path === undefined) {
    const why = existsSync(`${plain}.zst`) ? "is packed by zstd, which cannot be read here" : "is not there";
    throw new Failure(
      `the state of ${place.project}/${place.stack} ${why} (${plain})`,
      "pulumi stack ls --all shows what there is",
    );
  }
  const bytes = readFileSync(path);
  const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  return { path, text, sha256: digest(text) };
}

/** Writes a checkpoint as Pulumi does: what was there stays beside it, and no reader sees half of it. */
export function writeCheckpoint(root: string, place: StackPlace, text: string): void {
  const { path } = readCheckpoint(root, place);
  copyFileSync(path, `${path}.bak`);
  const partial = `${path}.${randomUUID()}.partial`;
  writeFileSync(partial, path.endsWith(".gz") ? gzipSync(text) : text, { mode: 0o600, flush: true });
  renameSync(partial, path);
  // What the store noted of the old one: size and digest.
  rmSync(`${path}.attrs`, { force: true });
}

/**
 * Removes the notes beside a stack's files that a Pulumi left empty which was killed while it wrote them: the store cannot be
 * read with them, and says no more than EOF. Nothing but notes is in them, and none has to be there.
 * @returns how many there were.
 */
export function removeEmptyNotes(root: string, place: StackPlace): number {
  const folders = [dirname(checkpointPath(place)), historyPath(place)].map((path) => join(root, path));
  const own = [`${place.stack}.`, `${place.stack}-`];
  const notes = folders.flatMap((folder, index) => {
    const names = existsSync(folder) ? readdirSync(folder) : [];
    const noted = names.filter((name) => name.startsWith(own[index] ?? "") && name.endsWith(".attrs"));
    return noted.map((name) => join(folder, name)).filter((path) => statSync(path).size === 0);
  });
  for (const path of notes) rmSync(path, { force: true });
  return notes.length;
}

/** A checkpoint as far as others may read it: the stack's outputs, without secrets, and nothing that is in it. */
export function outputsAlone(text: string): string {
  const content = JSON.parse(text) as { checkpoint: { latest?: { resources?: Resource[]; [key: string]: unknown } } };
  const { latest } = content.checkpoint;
  if (latest) {
    const root = (latest.resources ?? []).filter(({ type, delete: gone }) => type === "pulumi:pulumi:Stack" && !gone);
    latest.resources = root.map(({ outputs = {}, ...rest }) => {
      return {
        ...rest,
        outputs: Object.fromEntries(Object.entries(outputs).filter(([, value]) => !holdsSecret(value))),
      };
    });
    delete latest.pending_operations;
  }
  return JSON.stringify(content);
}

interface Resource {
  type: string;
  delete?: boolean;
  outputs?: Record<string, unknown>;
}

function holdsSecret(value: unknown): boolean {
  if (value === null || typeof value !== "object") return false;
  return signatureKey in value || Object.values(value).some(holdsSecret);
}

/**
 * Holds a stack for a job.
 * @throws Failure when somebody is at work on it.
 */
export function takeLease(root: string, { project, stack }: StackPlace, job: string): Lease {
  const lock = join(root, ".pulumi", "locks", "organization", project, stack, `${randomUUID()}.json`);
  const holders = lockStack(lock, job);
  if (holders === undefined) return { project, stack, lock, sha256: readCheckpoint(root, { project, stack }).sha256 };
  throw new Failure(
    `${project}/${stack} is held by ${holders}; nothing was sent`,
    "wait for it, or attach to its job; when nothing runs any more: pulumi cancel",
  );
}

/**
 * Locks a stack as Pulumi does: first the lock, then a look. Of two at once at least one gives way.
 * @param lock its path.
 * @returns who holds the stack otherwise; undefined: the job does.
 */
export function lockStack(lock: string, job: string): string | undefined {
  const directory = dirname(lock);
  mkdirSync(directory, { recursive: true });
  // Shown by Pulumi to whoever wants the stack meanwhile.
  const username = `${userInfo().username}: holdfast dispatch attach ${job}`;
  const content = { pid: process.pid, username, hostname: hostname(), timestamp: new Date().toISOString() };
  writeFileSync(lock, JSON.stringify(content), { mode: 0o600 });
  const locks = readdirSync(directory).filter((name) => name.endsWith(".json"));
  const others = locks.map((name) => join(directory, name)).filter((path) => path !== lock);
  if (others.length === 0) return undefined;
  rmSync(lock, { force: true });
  return others.map(holderText).join(", ");
}

/** Lets go of a stack. */
export function releaseLease({ lock }: Lease): void {
  rmSync(lock, { force: true });
}

/** Whether a lease is still there: `pulumi cancel` takes locks away. */
export function isHeld({ lock }: Lease): boolean {
  return existsSync(lock);
}

function holderText(path: string): string {
  try {
    const { username, hostname: host, pid } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    return `${username}@${host} (pid ${pid})`;
  } catch {
    return path;
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
