/**
 * Whether a blueprint's record is of the job that it came home with: of that blueprint and environment, of the job's own steps and run,
 * and with paths of evidence that lie where evidence lies. Pure.
 */
import { join } from "node:path";
import { type BlueprintRecord, recordSchema } from "../../blueprint/record.ts";
import type { Job } from "../job.ts";
import { quoted, same } from "./checkpoint.ts";
import { namesOf } from "./sets.ts";

/** What is known here. */
export interface RecordExpectation {
  /** Directory of all evidence here. */
  evidenceRoot: string;
  /** The record as it is here. */
  here: BlueprintRecord;
}

/**
 * Reads a record.
 * @param text its paths are as they are here.
 * @returns it, without processes, which were none of this machine's; or everything that is wrong with it.
 */
export function readReturned(
  text: string,
  job: Pick<Job, "ref" | "env" | "verb" | "file" | "steps">,
  { evidenceRoot, here }: RecordExpectation,
): { record: BlueprintRecord } | { problems: string[] } {
  const read = recordSchema.safeParse(parsed(text));
  if (!read.success) {
    const [issue] = read.error.issues;
    return { problems: [`it is no record of a blueprint: ${issue?.path.join(".")} ${issue?.message}`] };
  }
  const { ref, env, run, steps } = read.data;
  const problems: string[] = [];
  if (ref !== job.ref || env !== job.env) problems.push(`it is of ${quoted(ref)} in ${quoted(env)}`);
  const isEvidence = (path: string, owners: readonly string[]) =>
    owners.some((owner) => {
      const place = `${join(evidenceRoot, owner)}/`;
      return path.startsWith(place) && /^\w[\w.-]*$/.test(path.slice(place.length));
    });
  if (run && !same(run, here.run)) {
    if (run.verb !== job.verb || run.file !== job.file) problems.push("its run is of another command than the job's");
    if (!/^\w[\w.-]*$/.test(run.id)) problems.push(`its run has no name: ${quoted(run.id)}`);
    if (!isEvidence(run.evidence, namesOf(job).evidence.slice(-1))) problems.push("its run has its evidence elsewhere");
  }
  for (const [id, step] of Object.entries(steps)) {
    if (same(step, here.steps[id])) continue;
    const own = job.steps.find((one) => one.id === id);
    if (own?.project !== step.project || own.stack !== step.stack) {
      problems.push(
        `it has a step ${quoted(id)} of ${quoted(`${step.project}/${step.stack}`)}, which the job was not given`,
      );
      continue;
    }
    const strange = step.evidence.find((path) => !isEvidence(path, [`${own.project}/${own.stack}`]));
    if (strange !== undefined) problems.push(`its step ${id} has evidence elsewhere: ${quoted(strange)}`);
  }
  for (const id of Object.keys(here.steps)) if (!Object.hasOwn(steps, id)) problems.push(`it has lost its step ${id}`);
  if (problems.length > 0) return { problems };
  const kept = Object.entries(steps).map(([id, { pulumi: _, ...step }]) => [id, step] as const);
  return { record: { ...read.data, steps: Object.fromEntries(kept) } };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
