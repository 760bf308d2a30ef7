/**
 * The store: makes a component once, whoever asks and however often. What is half made is never believed: a component
 * is built under another name, checked, described in `made.json` and only then renamed to its digest.
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "../lib/cache.ts";
import { Failure } from "../lib/failure.ts";
import { withLock } from "../lib/lock.ts";
import { note, step } from "../lib/progress.ts";
import type { Component, Way } from "./component.ts";
import { pinDigest } from "./digest.ts";

/** A component that is ready for use. */
export interface Made {
  /** Absolute path. */
  directory: string;
  /** The way it was made, for example `built from Go modules`. */
  way: string;
  /** Worth showing behind the way; may be empty. */
  detail: string;
  /** How long making it took, in seconds. */
  seconds: number;
}

/** `made.json`: a `Made`, and what its files looked like when it was finished. */
interface Record extends Omit<Made, "directory"> {
  files: { path: string; size: number; modified: number }[];
}

/** Beside every component: how it was made, and its files' sizes and times. */
export const recordName = "made.json";
/** Names a store that is only read: that of a release, which brings its components along. */
const storeVariable = "HOLDFAST_TOOLCHAIN";
const unfinished = "making-";

/**
 * Returns the component, made if need be. When it is there already this reads a few small files and starts no process.
 * @throws Failure when every way was refused, or the last one failed.
 */
export async function ensureMade(component: Component): Promise<Made> {
  const digest = pinDigest(component);
  const store = process.env[storeVariable];
  const brought = store ? readMade(join(store, component.name, digest), component) : undefined;
  if (brought) return brought;
  const home = cacheDirectory("toolchain", component.name);
  const directory = join(home, digest);
  return (
    readMade(directory, component) ??
    (await withLock(home, async () => {
      const meanwhile = readMade(directory, component);
      if (meanwhile) return meanwhile;
      sweep(home);
      return step(
        `${component.name} ${component.version}`,
        async (report) => {
          const made = await make(component, home, directory);
          report.detail([made.way, made.detail].filter(Boolean).join(", "));
          return made;
        },
        component.expectation,
      );
    }))
  );
}

/** What is there and complete, or nothing. */
function readMade(directory: string, component: Component): Made | undefined {
  try {
    const { files, ...made } = JSON.parse(readFileSync(join(directory, recordName), "utf8")) as Record;
    const intact = component.binaries.every((path) => {
      const now = statSync(join(directory, path));
      return files.some((then) => then.path === path && then.size === now.size && then.modified === now.mtimeMs);
    });
    return intact ? { ...made, directory } : undefined;
  } catch {
    return undefined;
  }
}

/** Removes what an interrupted run left behind. The caller holds the lock, so nobody is working on it. */
function sweep(home: string): void {
  for (const name of readdirSync(home)) {
    if (name.startsWith(unfinished)) rmSync(join(home, name), { recursive: true, force: true });
  }
}

async function make(component: Component, home: string, directory: string): Promise<Made> {
  const refusals: string[] = [];
  for (const way of component.ways) {
    const began = performance.now();
    const work = mkdtempSync(join(home, unfinished));
    try {
      const tried = await tryWay(component, way, work);
      if (tried.made) {
        const made = { way: way.name, detail: tried.detail ?? "", seconds: (performance.now() - began) / 1000 };
        finish(component, work, directory, made);
        return { ...made, directory };
      }
      refusals.push(`${way.name}: ${tried.why}`);
      note(`not ${way.name}: ${tried.why}`);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  throw new Failure(`${component.name} ${component.version} could not be had (${refusals.join("; ")})`);
}

async function tryWay(component: Component, way: Way, work: string) {
  const outcome = await way.make(work);
  if (!outcome.made) return outcome;
  const missing = component.binaries.find((path) => !statSync(join(work, path), { throwIfNoEntry: false }));
  const wrong = missing ? `it contains no ${missing}` : await component.verify?.(work);
  return wrong ? { made: false as const, why: wrong } : outcome;
}

function finish(component: Component, work: string, directory: string, made: Omit<Made, "directory">): void {
  const files = component.binaries.map((path) => {
    const { size, mtimeMs } = statSync(join(work, path));
    return { path, size, modified: mtimeMs };
  });
  const record: Record = { ...made, files };
  writeFileSync(join(work, recordName), `${JSON.stringify(record, undefined, 2)}\n`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(join(directory, ".."), { recursive: true });
  renameSync(work, directory);
}
