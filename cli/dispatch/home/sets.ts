/**
 * To whom each file belongs that a job left: to a stack of its steps, to its blueprint, or to nobody whom the job was given. A
 * name is no more than what it has to be: whatever else is in the places that are brought home is a stranger. Pure.
 */
import { checkpointPath, historyPath } from "../../backend.ts";
import { evidenceName, evidenceProject } from "../../blueprint/evidence.ts";
import { slugOf } from "../../blueprint/record.ts";
import { jobPlaces } from "../bundle.ts";
import type { Job } from "../job.ts";
import type { Files, Unpacked } from "../tarball.ts";

/** One run's evidence, by file. */
export interface RunFiles {
  /** `<project>/<stack>`; for the blueprint's own, `blueprint/<env>-<ref>`. */
  owner: string;
  run: string;
  files: Map<string, Buffer>;
}

/** What came of one stack. */
export interface StackFiles {
  project: string;
  stack: string;
  checkpoint?: Buffer;
  /** By name, below the stack's history. */
  history: Map<string, Buffer>;
  knownHosts?: Buffer;
  /** Names of its files that are directories. */
  directories: string[];
}

/** Everything that a job left, by whom it is of. */
export interface Sorted {
  stacks: StackFiles[];
  runs: RunFiles[];
  record?: Buffer;
  /** What the job was not given, or what is no file, and why it is not taken. */
  strangers: { name: string; why: string; content?: Buffer }[];
}

/** Where the archive has what is brought home. */
export const homePlaces = {
  stacks: `${jobPlaces.backend}/.pulumi/stacks`,
  history: `${jobPlaces.backend}/.pulumi/history`,
  knownHosts: jobPlaces.knownHosts,
  evidence: `${jobPlaces.state}/evidence`,
  blueprints: `${jobPlaces.state}/blueprints`,
} as const;

/** Notes, copies and locks that programs keep beside their files: never brought home. */
const housekeeping = /\.(attrs|bak|lock|partial)$/;

/** Paths of a job's own files in its archive. */
export function namesOf(job: Pick<Job, "ref" | "env" | "steps">) {
  return {
    record: `${homePlaces.blueprints}/${job.env}/${slugOf(job.ref)}.json`,
    stacks: job.steps.map(({ project, stack }) => ({
      ...{ project, stack },
      checkpoint: `${jobPlaces.backend}/${checkpointPath({ project, stack })}`,
      history: `${jobPlaces.backend}/${historyPath({ project, stack })}/`,
      knownHosts: `${homePlaces.knownHosts}/${project}/${stack}`,
    })),
    evidence: [
      ...job.steps.map(({ project, stack }) => `${project}/${stack}`),
      `${evidenceProject}/${evidenceName(job.ref, job.env)}`,
    ],
  };
}

/**
 * Sorts what a job left.
 * @param reads known hosts of stacks that the job only read, as they are here: those are not brought home, and are no strangers as
 * long as nothing is in them that is not here.
 */
export function sortFiles(
  job: Pick<Job, "ref" | "env" | "steps">,
  { files, directories, refused }: Unpacked,
  reads: ReadonlyMap<string, string>,
): Sorted {
  const names = namesOf(job);
  const taken = new Set<string>();
  const take = (name: string) => {
    const content = files.get(name);
    if (content) taken.add(name);
    return content;
  };
  const stacks = names.stacks.map(({ project, stack, checkpoint, history, knownHosts }): StackFiles => {
    const [state, hosts] = [take(checkpoint), take(knownHosts)];
    const past = below(files, history).filter(([name]) => isHistory(stack, name));
    for (const [name] of past) taken.add(history + name);
    return {
      project,
      stack,
      history: new Map(past),
      directories: [checkpoint, knownHosts].filter((name) => directories.has(name)),
      ...(state && { checkpoint: state }),
      ...(hosts && { knownHosts: hosts }),
    };
  });
  const runs = names.evidence.flatMap((owner) => runsIn(owner, files, taken));
  const record = take(names.record);
  return {
    ...{ stacks, runs },
    ...(record && { record }),
    strangers: [
      ...refused,
      ...(directories.has(names.record) ? [{ name: names.record, why: "it is a directory" }] : []),
      ...[...files].flatMap(([name, content]) => {
        const why = taken.has(name) ? undefined : strangeness(name, content, reads);
        return why === undefined ? [] : [{ name, why, content }];
      }),
    ],
  };
}

function strangeness(name: string, content: Buffer, reads: ReadonlyMap<string, string>): string | undefined {
  const place = Object.values(homePlaces).find((path) => name === path || name.startsWith(`${path}/`));
  if (place === undefined || housekeeping.test(name)) return undefined;
  const own = name.slice(place.length + 1);
  if (place === homePlaces.knownHosts) {
    const here = reads.get(own);
    const added = linesOf(content.toString("utf8")).filter((line) => !linesOf(here ?? "").includes(line));
    return here !== undefined && added.length === 0 ? undefined : "the job was not given it to change";
  }
  // Copies of the outputs that it read.
  if (place === homePlaces.stacks && reads.has(own.replace(/\.json$/, ""))) return undefined;
  return "the job was not given it";
}

function runsIn(owner: string, files: Files, taken: Set<string>): RunFiles[] {
  const runs = new Map<string, RunFiles>();
  const place = `${homePlaces.evidence}/${owner}/`;
  for (const [name, content] of below(files, place)) {
    const [, run = "", file = ""] = /^(\w[\w.-]*)\/(\w[\w.-]*)$/.exec(name) ?? [];
    if (run === "" || housekeeping.test(name)) continue;
    taken.add(place + name);
    const all = runs.get(run) ?? { owner, run, files: new Map() };
    all.files.set(file, content);
    runs.set(run, all);
  }
  return [...runs.values()];
}

function isHistory(stack: string, name: string): boolean {
  return name.startsWith(`${stack}-`) && /^\d+\.(history|checkpoint)\.json$/.test(name.slice(stack.length + 1));
}

/** Files below a directory, by their path from there. */
function below(files: Files, directory: string): [string, Buffer][] {
  return [...files].flatMap(([name, content]): [string, Buffer][] => {
    return name.startsWith(directory) ? [[name.slice(directory.length), content]] : [];
  });
}

/** The lines of a known_hosts file that say something. */
export function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
}
