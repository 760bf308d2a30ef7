/**
 * What of a job's files is brought home, and what is not: each stack's own as a whole or not at all (state, history, host keys), each
 * run's evidence, the blueprint's record. What is refused is named with everything that is wrong with it; the rest comes home. Pure.
 */
import type { BlueprintRecord } from "../../blueprint/record.ts";
import type { Job } from "../job.ts";
import type { Files, Unpacked } from "../tarball.ts";
import { resourcesOf, type StateExpectation, stateProblems, wordsOf } from "./checkpoint.ts";
import { runProblems } from "./evidence.ts";
import { hostProblems } from "./known-hosts.ts";
import { readReturned } from "./record.ts";
import { type RunFiles, type Sorted, type StackFiles, sortFiles } from "./sets.ts";

/** What is known here of one of a job's stacks. */
export interface StackHere
  extends Pick<StateExpectation, "sent" | "secretsProviders" | "packages" | "plugins" | "given"> {
  /** The stack's known_hosts file; empty without one. */
  knownHosts: string;
  /** Host keys, `type base64`, that the configuration pins. */
  pinned: ReadonlySet<string>;
}

/** What is known here. */
export interface Here {
  /** By `<project>/<stack>`: each of the job's. */
  stacks: ReadonlyMap<string, StackHere>;
  /** Known hosts of stacks that the job only read, by `<project>/<stack>`. */
  reads: ReadonlyMap<string, string>;
  /** Files of a run's evidence that is here, by name. */
  evidence(owner: string, run: string): Files;
  evidenceRoot: string;
  record: BlueprintRecord;
  /** Milliseconds since 1970. */
  now: number;
  /** A text of the job's with its paths as they are here. */
  rebased(text: string): string;
}

/** A stack's files that come home. */
export interface StackHome {
  project: string;
  stack: string;
  /** The state, with its paths as they are here. */
  state?: string;
  history: Files;
  knownHosts?: string;
}

/** Something that does not come home. */
export interface Refusal {
  /** For messages: `first/dev-app`, or the name of a file. */
  what: string;
  problems: string[];
  /** By name in the job's directory. */
  files: Files;
}

/** The plan. */
export interface HomePlan {
  stacks: StackHome[];
  runs: RunFiles[];
  record?: BlueprintRecord;
  refusals: Refusal[];
}

/** Decides it. */
export function planHome(job: Job, unpacked: Unpacked, here: Here): HomePlan {
  const sorted = sortFiles(job, unpacked, here.reads);
  const plan: HomePlan = { stacks: [], runs: [], refusals: [] };
  for (const one of sorted.stacks) judgeStack(job, one, here, plan);
  const refusedStacks = new Set(plan.refusals.map(({ what }) => what));
  for (const one of sorted.runs) judgeRun(job, one, refusedStacks, here, plan);
  judgeRecord(job, sorted, refusedStacks, here, plan);
  for (const { name, why, content } of sorted.strangers) {
    plan.refusals.push({
      what: JSON.stringify(name),
      problems: [why],
      files: new Map(content ? [[name, content]] : []),
    });
  }
  return plan;
}

function judgeStack(job: Job, files: StackFiles, here: Here, plan: HomePlan): void {
  const { project, stack, knownHosts, directories } = files;
  const name = `${project}/${stack}`;
  const known = here.stacks.get(name);
  if (!known) return;
  // What was not held for the job is not its to change.
  const isHeld = job.leases.some((lease) => lease.project === project && lease.stack === stack);
  const [checkpoint, history] = isHeld ? [files.checkpoint, files.history] : [undefined, new Map<string, Buffer>()];
  const state = checkpoint && here.rebased(checkpoint.toString("utf8"));
  const expected = { project, stack, ...known };
  const hosts = {
    ...{ here: known.knownHosts, pinned: known.pinned, changes: job.changes },
    hosts: new Set([...known.given, ...wordsOf(known.sent ?? ""), ...wordsOf(state ?? "")]),
    before: resourcesOf(known.sent),
    after: resourcesOf(state ?? known.sent),
  };
  const problems = [
    ...directories.map((file) => `${file} is a directory`),
    ...(state === undefined ? [] : stateProblems(state, expected)),
    ...[...history].flatMap(([file, content]) => historyProblems(file, content.toString("utf8"), expected)),
    ...(knownHosts === undefined ? [] : hostProblems(knownHosts.toString("utf8"), hosts)),
  ];
  if (problems.length === 0) {
    plan.stacks.push({
      ...{ project, stack, history },
      ...(state === undefined ? {} : { state }),
      ...(knownHosts === undefined ? {} : { knownHosts: knownHosts.toString("utf8") }),
    });
    return;
  }
  const refused = new Map([...history].map(([file, content]): [string, Buffer] => [`history/${file}`, content]));
  if (checkpoint) refused.set("state.json", checkpoint);
  if (knownHosts) refused.set("known_hosts", knownHosts);
  plan.refusals.push({ what: name, problems, files: refused });
}

/** Old states can be brought back by Pulumi: they are held against the same as the last one. */
function historyProblems(file: string, text: string, expected: StateExpectation): string[] {
  if (file.endsWith(".checkpoint.json")) return stateProblems(text, expected).map((problem) => `${file}: ${problem}`);
  try {
    const content: unknown = JSON.parse(text);
    return content !== null && typeof content === "object" ? [] : [`${file} is no record of an update`];
  } catch {
    return [`${file} is no record of an update`];
  }
}

function judgeRun(job: Job, one: RunFiles, refusedStacks: ReadonlySet<string>, here: Here, plan: HomePlan): void {
  const { owner, run, files } = one;
  const expected = { began: job.began, now: here.now, here: here.evidence(owner, run) };
  const problems = [
    ...runProblems(one, expected),
    ...(refusedStacks.has(owner) ? [`what came home of ${owner} is refused`] : []),
  ];
  if (problems.length === 0) plan.runs.push(one);
  else plan.refusals.push({ what: `evidence/${owner}/${run}`, problems, files });
}

/** A step whose stack is refused has not been green here, whatever the record says. */
function judgeRecord(job: Job, { record }: Sorted, refused: ReadonlySet<string>, here: Here, plan: HomePlan): void {
  if (!record || !job.changes) return;
  const read = readReturned(here.rebased(record.toString("utf8")), job, {
    evidenceRoot: here.evidenceRoot,
    here: here.record,
  });
  if ("problems" in read) {
    const files = new Map([["record.json", record]]);
    plan.refusals.push({ what: `the record of ${job.ref} in ${job.env}`, problems: read.problems, files });
    return;
  }
  const steps = Object.entries(read.record.steps).map(([id, step]) => {
    if (!refused.has(`${step.project}/${step.stack}`) || step.run !== read.record.run?.id) return [id, step] as const;
    return [id, { ...step, status: "error" as const, error: "what came home of its stack was refused" }] as const;
  });
  plan.record = { ...read.record, steps: Object.fromEntries(steps) };
}
