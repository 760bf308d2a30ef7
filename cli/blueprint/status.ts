/**
 * What is known here of a blueprint's runs: the last one, each step's own last one, and who is at work.
 */

import { holderOf, isAtWork, type LockHolder } from "./lock.ts";
import type { BlueprintPlan } from "./plan.ts";
import { type BlueprintRecord, readRecord, type StepRecord } from "./record.ts";

/** A step and its last run. */
export interface StepStatusLine extends Partial<Omit<StepRecord, "status">> {
  id: string;
  project: string;
  stack: string;
  status: StepRecord["status"] | "never run";
}

/** What is known of a blueprint in an environment. */
export interface BlueprintStatus {
  ref: string;
  env: string;
  run: BlueprintRecord["run"];
  /** Who is at work; undefined where nobody is. */
  atWork: LockHolder | undefined;
  steps: StepStatusLine[];
}

/** Looks it up, on this workstation alone. */
export function statusOfBlueprint({ ref, env, steps }: BlueprintPlan): BlueprintStatus {
  const record = readRecord(ref, env);
  const holder = holderOf(ref, env);
  const atWork = holder && isAtWork(holder) ? holder : undefined;
  const interrupted = <T extends { status: string }>(one: T) =>
    one.status === "running" && !atWork ? { ...one, status: "interrupted" as const } : one;
  const lines = steps.map(({ id, project, stack }): StepStatusLine => {
    const own = record.steps[id];
    return own ? { id, ...interrupted(own) } : { id, project, stack, status: "never run" };
  });
  return { ref, env, run: record.run && interrupted(record.run), atWork, steps: lines };
}

/** The status as a person reads it. */
export function statusText({ ref, env, run, atWork, steps }: BlueprintStatus): string {
  const head = [`${ref} in ${env}`];
  if (run) head.push(`last run: ${run.verb} ${run.id}, ${run.status}, began ${run.began}`, `evidence: ${run.evidence}`);
  else head.push("last run: none from this workstation");
  if (atWork) {
    const at = atWork.pulumi ? `, at ${atWork.pulumi.step}` : "";
    head.push(`at work: ${atWork.verb} by ${atWork.owner} on ${atWork.host} (pid ${atWork.holder.pid})${at}`);
  }
  const rows = steps.map(({ id, project, stack, status, began, error }) => {
    const first = error?.split("\n").find((line) => line.trim() !== "");
    return [id, `${project}/${stack}`, status, [began, first?.trim()].filter(Boolean).join("  ")];
  });
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return `${[...head, "", ...lines].join("\n")}\n`;
}
