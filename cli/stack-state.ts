/**
 * How a stack stands, in the runbook's terms. The status is derived from its checkpoint and its runs,
 * never from what its program exported: a program that failed exported nothing.
 */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { runsOf } from "../provider/evidence/directory.ts";
import { signatureKey } from "../provider/signatures.ts";
import { holderOf, isAtWork } from "./blueprint/lock.ts";
import { blueprintsRoot, readRecord } from "./blueprint/record.ts";
import { jobWith } from "./dispatch/job.ts";
import type { Pulumi, StackPlace } from "./pulumi.ts";

/** How a stack stands. `absent`: nothing was ever deployed. */
export type StateStatus = "ok" | "error" | "running" | "destroyed" | "absent";

/** A resource as a checkpoint has it, as far as it matters here. */
interface CheckpointResource {
  urn: string;
  type: string;
  delete?: boolean;
  initErrors?: string[];
  outputs?: Record<string, unknown>;
}

/** What the status is derived from. */
export interface StateFacts {
  resources: readonly CheckpointResource[];
  /** Operations that an update began and did not end. */
  pending: number;
  /** The last update, as Pulumi's history has it. */
  last?: { kind: string; result: string; startTime: string; endTime?: string } | undefined;
  /** The stack's step in the last run of a blueprint. */
  step?: { status: string; began: string; error?: string | undefined } | undefined;
  /** Whether a blueprint is at work on it. */
  atWork: boolean;
  /** The job on a runner that has it. */
  job?: { id: string; vm: string } | undefined;
}

/** What `state show` says. */
export interface ShownState {
  stack: string;
  status: StateStatus;
  /** Why it is not ok. */
  reason?: string;
  outputs: Record<string, unknown>;
  resources: number;
  evidence_dir: string | null;
  last_run: { kind: string; result: string; began: string; ended: string | null } | null;
  blueprint: { ref: string; step: string; run: string; status: string } | null;
}

/** What is shown, as YAML. */
export function stateText(shown: ShownState): string {
  return stringify(shown);
}

/** Everything that is known of a stack. */
export async function stateOf(pulumi: Pulumi, place: StackPlace, env: string): Promise<ShownState> {
  const [exported, history] = await Promise.all([
    pulumi.ask(place, ["stack", "export"]),
    pulumi.ask(place, ["stack", "history", "--json", "--page-size", "1"]),
  ]);
  const { deployment } = JSON.parse(exported) as {
    deployment: { resources?: CheckpointResource[]; pending_operations?: unknown[] };
  };
  const [last] = JSON.parse(history) as NonNullable<StateFacts["last"]>[];
  const step = env === "" ? undefined : stepOf(place, env);
  const resources = (deployment.resources ?? []).filter((one) => !one.delete);
  const pending = deployment.pending_operations?.length ?? 0;
  const verdict = judge({
    resources,
    pending,
    last,
    step: step?.record,
    atWork: step?.atWork ?? false,
    job: jobWith(place),
  });
  const root = resources.find(({ type }) => type === "pulumi:pulumi:Stack");
  return {
    stack: `${place.project}/${place.stack}`,
    ...verdict,
    outputs: masked(root?.outputs ?? {}) as Record<string, unknown>,
    resources: resources.length,
    evidence_dir: runsOf(place.project, place.stack).at(-1) ?? null,
    last_run: last
      ? { kind: last.kind, result: last.result, began: last.startTime, ended: last.endTime ?? null }
      : null,
    blueprint: step ? { ref: step.ref, step: step.id, run: step.record.run, status: step.record.status } : null,
  };
}

/** Derives the status. */
export function judge({ resources, pending, last, step, atWork, job }: StateFacts): {
  status: StateStatus;
  reason?: string;
} {
  const error = (reason: string) => ({ status: "error" as const, reason });
  if (atWork) return { status: "running" };
  if (job)
    return { status: "running", reason: `job ${job.id} on ${job.vm} has it: holdfast dispatch attach ${job.id}` };
  if (pending > 0)
    return error(`${pending} operation(s) of an earlier update were cut off; the next update looks after them`);
  for (const { urn, initErrors = [] } of resources) {
    if (initErrors.length > 0) return error(`${nameOf(urn)}: ${initErrors.join("; ")}`);
  }
  // A run that ended before Pulumi began, or was killed with it, left nothing in the history.
  if (step && ["error", "interrupted"].includes(step.status) && step.began > (last?.endTime ?? "")) {
    return error(step.error ?? `the last run was ${step.status}`);
  }
  if (!last) return { status: "absent" };
  if (last.result === "in-progress") return { status: "running" };
  if (last.result !== "succeeded") return error(`the last ${last.kind} ${last.result}`);
  if (resources.length === 0) return { status: last.kind === "destroy" ? "destroyed" : "absent" };
  const drifted = resources.filter(({ outputs }) => isDrift(outputs?.drift)).map(({ urn }) => nameOf(urn));
  return drifted.length > 0 ? error(`drift of ${drifted.join(", ")}`) : { status: "ok" };
}

function isDrift(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : typeof value === "string" && value !== "";
}

function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? urn;
}

/** Outputs without what is secret. */
function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  if (value === null || typeof value !== "object") return value;
  if (signatureKey in value) return "[secret]";
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, masked(item)]));
}

/** The step of a blueprint that a stack is of, in an environment: that of the latest run. */
function stepOf({ project, stack }: StackPlace, env: string) {
  const found = recordedRefs(env).flatMap((ref) => {
    const { steps } = readRecord(ref, env);
    const holder = holderOf(ref, env);
    return Object.entries(steps).flatMap(([id, record]) => {
      if (record.project !== project || record.stack !== stack) return [];
      return [{ ref, id, record, atWork: record.status === "running" && holder !== undefined && isAtWork(holder) }];
    });
  });
  return found.sort((a, b) => (a.record.began < b.record.began ? -1 : 1)).at(-1);
}

function recordedRefs(env: string): string[] {
  try {
    const names = readdirSync(join(blueprintsRoot(), env)).filter((name) => name.endsWith(".json"));
    return names.map((name) => name.replace(/^([^.]+)\.(.+)\.(v\d+)\.json$/, "$1/$2@$3"));
  } catch {
    return [];
  }
}
