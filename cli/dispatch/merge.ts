/**
 * What a job left, brought home: states, history, the blueprint's record, evidence, host keys. It can be done twice. A state
 * that is no longer the one that was sent is never written over.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { knownHostsFile } from "../../components/ssh/known-hosts.ts";
import { stateRoot } from "../../components/state-root.ts";
import {
  checkpointPath,
  hasState,
  historyPath,
  isHeld,
  lockStack,
  readCheckpoint,
  writeCheckpoint,
} from "../backend.ts";
import { type BlueprintRecord, placeOf } from "../blueprint/record.ts";
import { writeStackFile } from "../blueprint/stack-file.ts";
import { jobPlaces } from "./bundle.ts";
import { type Job, type Lease, rescueDirectory } from "./job.ts";
import type { Files } from "./tarball.ts";

/** Brings home what a job left. @returns what could not be, each with what to do. */
export function merge(job: Job, files: Files): string[] {
  const conflicts = job.leases.flatMap((lease) => mergeState(job, lease, files) ?? []);
  mergeEvidence(files);
  mergeRecord(job, files);
  mergeKnownHosts(job, files);
  return conflicts;
}

/** Paths that were the job's, as they are here. */
export function rebased({ remote: { directory }, file }: Pick<Job, "remote" | "file">, text: string): string {
  return text
    .replaceAll(`${directory}/${jobPlaces.state}/`, `${stateRoot()}/`)
    .replaceAll(`${directory}/${jobPlaces.blueprint}`, file);
}

function mergeState(job: Job, lease: Lease, files: Files): string | undefined {
  const { backend: root } = job;
  const returned = files.get(join(jobPlaces.backend, checkpointPath(lease)))?.toString("utf8");
  if (root === undefined || returned === undefined) return undefined;
  const text = rebased(job, returned);
  // `pulumi cancel` takes locks away: whoever has the stack then, and what became of it, decides.
  const holders = isHeld(lease) ? undefined : lockStack(lease.lock, job.id);
  const current = hasState(root, lease) ? readCheckpoint(root, lease) : undefined;
  // Merged before, or never changed.
  if (current?.text === text) return undefined;
  const name = `${lease.project}/${lease.stack}`;
  if (holders !== undefined)
    return rescued(job, lease, text, `${name} is held by ${holders} (its lock was taken away)`);
  if (current?.sha256 !== lease.sha256) {
    const what = current ? "changed" : "removed";
    return rescued(job, lease, text, `the state of ${name} was ${what} here while the job had it`);
  }
  // Its history first: whoever is cut off in between does this again.
  for (const [name, content] of below(files, join(jobPlaces.backend, historyPath(lease)))) {
    if (!name.endsWith(".attrs")) writeNew(join(root, historyPath(lease), name), content);
  }
  writeCheckpoint(root, lease, text);
  return undefined;
}

/** Puts a job's state beside the stack that it cannot go to. @returns why, where it is, and what to do. */
function rescued(job: Job, lease: Lease, text: string, why: string): string {
  const path = join(rescueDirectory(job.id), `${lease.project}.${lease.stack}.json`);
  writePrivately(path, JSON.stringify({ version: 3, deployment: deploymentIn(text) }));
  return `${why}; the job's state is in ${path}\n    next: compare both, then pulumi stack import --file ${path}, or keep what is here and pulumi refresh`;
}

function deploymentIn(checkpoint: string): unknown {
  return (JSON.parse(checkpoint) as { checkpoint: { latest?: unknown } }).checkpoint.latest;
}

/** Evidence stays as it was written: its manifests vouch for it. */
function mergeEvidence(files: Files): void {
  for (const [name, content] of below(files, join(jobPlaces.state, "evidence"))) {
    writeNew(join(stateRoot(), "evidence", name), content);
  }
}

/** The record of the blueprint, and the configuration of the stacks that the job worked on. */
function mergeRecord(job: Job, files: Files): void {
  const path = `${placeOf(job.ref, job.env)}.json`;
  const returned = files.get(join(jobPlaces.state, relative(stateRoot(), path)));
  if (!job.changes || !returned) return;
  const text = rebased(job, returned.toString("utf8"));
  const { run, steps } = JSON.parse(text) as BlueprintRecord;
  writePrivately(path, text);
  if (job.verb !== "deploy") return;
  for (const step of job.steps) if (run && steps[step.id]?.run === run.id) writeStackFile(step, step.config);
}

/** Host keys of the job's own stacks are as the job left them; of others, what was met for the first time. */
function mergeKnownHosts(job: Job, files: Files): void {
  const own = new Set(job.steps.map(({ project, stack }) => `${project}/${stack}`));
  for (const [name, content] of below(files, jobPlaces.knownHosts)) {
    const path = knownHostsFile(name);
    if (job.changes && own.has(name)) writePrivately(path, content);
    else addHosts(path, content.toString("utf8"));
  }
}

function addHosts(path: string, text: string): void {
  const linesOf = (all: string) => all.split("\n").filter((line) => line.trim() !== "");
  const known = existsSync(path) ? linesOf(readFileSync(path, "utf8")).map((line) => line.split(/\s+/)[0]) : [];
  const news = linesOf(text).filter((line) => !known.includes(line.split(/\s+/)[0]));
  if (news.length === 0) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  appendFileSync(path, news.map((line) => `${line}\n`).join(""), { mode: 0o600 });
}

/** Files below a directory, by their path from there. */
function below(files: Files, directory: string): [string, Buffer][] {
  return [...files].flatMap(([name, content]): [string, Buffer][] => {
    return name.startsWith(`${directory}/`) ? [[name.slice(directory.length + 1), content]] : [];
  });
}

function writePrivately(path: string, content: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${process.pid}.partial`;
  writeFileSync(partial, content, { mode: 0o600, flush: true });
  renameSync(partial, path);
}

function writeNew(path: string, content: Buffer): void {
  if (!existsSync(path)) writePrivately(path, content);
}
