/**
 * One cgroup per site, one below it per part. The kernel keeps every process of a part in it, whatever happens to the
 * process that started it, and ends them all with one write: nothing is ever looked up by name or by an old id.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../lib/failure.ts";
import { identify, isAlive } from "./processes.ts";
import { until } from "./wait.ts";

/** Where cgroup v2 is mounted: at /sys/fs/cgroup on most machines, below it on a hybrid one. `undefined`: nowhere. */
export function cgroupMount(mounts = readFileSync("/proc/mounts", "utf8")): string | undefined {
  return mounts
    .split("\n")
    .map((line) => line.split(" "))
    .find((fields) => fields[2] === "cgroup2" && !/(^|,)ro(,|$)/.test(fields[3] ?? ""))?.[1];
}

/** The directory of a site's cgroup, or of one part's below it. It need not exist. */
export function cgroupPath(site: string, part = ""): string {
  const mount = cgroupMount();
  if (!mount) throw new Failure("this machine has no writable cgroup v2 hierarchy.", "mount -t cgroup2 cgroup2 DIR");
  return join(mount, `holdfast-${site}`, part);
}

/** Makes a part's cgroup (and its site's) if it does not exist. */
export function makeCgroup(site: string, part: string): string {
  const path = cgroupPath(site, part);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Kills everything in a cgroup and below it, waits until it is gone, and removes it. Nothing there: nothing done. */
export async function removeCgroup(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const members = membersOf(path).map(identify);
  writeFileSync(join(path, "cgroup.kill"), "1");
  const wait = {
    what: `the end of the processes in ${path}`,
    boundMs: 60_000,
    everyMs: 10,
    lookAt: `${path}/cgroup.procs`,
  };
  // A process leaves its cgroup before it has let go of its namespaces: wait for both.
  await until(wait, () => !isPopulated(path) && !members.some(isAlive));
  removeTree(path);
}

/** The ids of all processes in a cgroup and below it. */
function membersOf(path: string): number[] {
  const own = readFileSync(join(path, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  return [...own, ...childrenOf(path).flatMap(membersOf)];
}

function childrenOf(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(path, entry.name));
}

/** Whether any process lives in a cgroup or below it. */
export function isPopulated(path: string): boolean {
  return existsSync(path) && /^populated 1$/m.test(readFileSync(join(path, "cgroup.events"), "utf8"));
}

/** A cgroup's files cannot be deleted, only its directories, from below. */
function removeTree(path: string): void {
  for (const child of childrenOf(path)) removeTree(child);
  rmdirSync(path);
}
