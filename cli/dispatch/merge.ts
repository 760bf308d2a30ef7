/**
 * What a job left, brought home as it was planned: states, history, the blueprint's record, evidence, host keys. It can be done
 * twice, and goes on where it was cut off. A state that is no longer the one that was sent is never written over, and what is
 * refused is kept aside.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { knownHostsFile } from "../../lib/ssh/known-hosts.ts";
import { stateRoot } from "../../lib/state-root.ts";
import { evidenceRoot } from "../../provider/evidence/directory.ts";
import { hasState, historyPath, isHeld, lockStack, readCheckpoint, writeCheckpoint } from "../backend.ts";
import { type BlueprintRecord, writeRecord } from "../blueprint/record.ts";
import { writeStackFile } from "../blueprint/stack-file.ts";
import { jobPlaces } from "./bundle.ts";
import { lookHere } from "./home/here.ts";
import { planHome, type Refusal, type StackHome } from "./home/plan.ts";
import type { RunFiles } from "./home/sets.ts";
import { type Job, type Lease, refusedDirectory, rescueDirectory } from "./job.ts";
import type { Unpacked } from "./tarball.ts";

/** Brings home what a job left. @returns what could not be, each with what to do. */
export function merge(job: Job, left: Unpacked): string[] {
  const { stacks, runs, record, refusals } = planHome(
    job,
    left,
    lookHere(job, (text) => rebased(job, text)),
  );
  const refused = refusals.map((refusal, index) => keepAside(job, refusal, index));
  const conflicts = stacks.flatMap((home) => mergeStack(job, home));
  mergeEvidence(runs);
  if (record) mergeRecord(job, record);
  return [...refused, ...conflicts];
}

/** Paths that were the job's, as they are here. */
export function rebased({ remote: { directory }, file }: Pick<Job, "remote" | "file">, text: string): string {
  return text
    .replaceAll(`${directory}/${jobPlaces.state}/`, `${stateRoot()}/`)
    .replaceAll(`${directory}/${jobPlaces.blueprint}`, file);
}

/** Keeps what is refused, for nobody but the operator. @returns what it is, what is wrong with it, where it is, and what to do. */
function keepAside(job: Job, { what, problems, files }: Refusal, index: number): string {
  const directory = join(refusedDirectory(job.id), String(index + 1));
  for (const [name, content] of files) writePrivately(join(directory, name.replace(/[^\w.-]+/g, "_")), content);
  const lines = problems.map(plain);
  writePrivately(join(directory, "why.txt"), `${plain(what)}\n${lines.map((line) => `  - ${line}\n`).join("")}`);
  const rest = lines.length > 1 ? ` (and ${lines.length - 1} more)` : "";
  const place = job.steps.find(({ project, stack }) => what === `${project}/${stack}`);
  const refresh = place
    ? `; then pulumi refresh --stack ${place.stack}, in ${place.project}/, finds what the job changed${importOf(files, directory)}`
    : "";
  return (
    `${plain(what)} is refused: ${lines[0]}${rest}; what came is in ${directory}, and here nothing of it was changed\n` +
    `    next: look at ${job.vm} before anything else is sent there${refresh}`
  );
}

/** A refused state as Pulumi imports it, for a person who has looked at it; nothing where it is none at all. */
function importOf(files: Refusal["files"], directory: string): string {
  try {
    const deployment = deploymentIn(files.get("state.json")?.toString("utf8") ?? "");
    if (deployment === null || typeof deployment !== "object") return "";
    const path = join(directory, "import.json");
    writePrivately(path, JSON.stringify({ version: 3, deployment }));
    return `; or, once you have read it and believe it: pulumi stack import --file ${path}`;
  } catch {
    return "";
  }
}

/** What a runner wrote, without characters that a terminal obeys. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, "?").slice(0, 600);
}

/** Host keys, history, state: whoever is cut off in between does the rest again. */
function mergeStack(job: Job, home: StackHome): string[] {
  const { project, stack, state, knownHosts } = home;
  const lease = job.leases.find((one) => one.project === project && one.stack === stack);
  const conflict = lease && state !== undefined ? conflictOf(job, lease, state) : undefined;
  if (conflict !== undefined) return [conflict];
  if (knownHosts !== undefined) writeIfOther(knownHostsFile(`${project}/${stack}`), knownHosts);
  if (lease && state !== undefined) mergeState(job, lease, home, state);
  return [];
}

/** Why a job's state cannot go where it is of: somebody else has the stack, or has changed it. */
function conflictOf(job: Job, lease: Lease, text: string): string | undefined {
  const { backend: root = "" } = job;
  // `pulumi cancel` takes locks away: whoever has the stack then, and what became of it, decides.
  const holders = isHeld(lease) ? undefined : lockStack(lease.lock, job.id);
  const current = hasState(root, lease) ? readCheckpoint(root, lease) : undefined;
  // Merged before, or never changed.
  if (current?.text === text) return undefined;
  const name = `${lease.project}/${lease.stack}`;
  if (holders !== undefined)
    return rescued(job, lease, text, `${name} is held by ${holders} (its lock was taken away)`);
  if (current?.sha256 === lease.sha256) return undefined;
  const what = current ? "changed" : "removed";
  return rescued(job, lease, text, `the state of ${name} was ${what} here while the job had it`);
}

function mergeState({ backend: root = "" }: Job, lease: Lease, { history }: StackHome, text: string): void {
  if (readCheckpoint(root, lease).text === text) return;
  // Its history first: whoever is cut off in between does this again.
  for (const [name, content] of history) writeNew(join(root, historyPath(lease), name), content);
  writeCheckpoint(root, lease, text);
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
function mergeEvidence(runs: readonly RunFiles[]): void {
  for (const { owner, run, files } of runs) {
    for (const [name, content] of files) writeNew(join(evidenceRoot(), owner, run, name), content);
  }
}

/** The record of the blueprint, and the configuration of the stacks that the job worked on. */
function mergeRecord(job: Job, record: BlueprintRecord): void {
  const { run, steps } = record;
  writeRecord(record);
  if (job.verb !== "deploy") return;
  for (const step of job.steps) if (run && steps[step.id]?.run === run.id) writeStackFile(step, step.config);
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

function writeIfOther(path: string, content: string): void {
  if (!existsSync(path) || readFileSync(path, "utf8") !== content) writePrivately(path, content);
}
