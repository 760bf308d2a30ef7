/**
 * Evidence of a dispatch: what was asked of which runner, what it said, and how it ended. What the job itself wrote is brought
 * home beside it.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { redact } from "../../lib/redact.ts";
import { secretsOfEnvironment } from "../../lib/secret-environment.ts";
import { runName, stackDirectory, writeEvidence } from "../../provider/evidence/directory.ts";
import { redactIn } from "../../provider/evidence/redact.ts";
import type { Value } from "../../provider/wire.ts";
import { evidenceName } from "../blueprint/evidence.ts";
import type { Job } from "./job.ts";

/** Stands where a stack's project stands, for `holdfast evidence list`. */
const evidenceProject = "dispatch";
/** Outcome of a job that was forgotten without what it left. */
export const abandoned = "abandoned";

function directoryOf({ id, ref, env }: Job): string {
  return join(stackDirectory(evidenceProject, evidenceName(ref, env)), id);
}

/** How a job ended, as its evidence says; undefined where there is none. */
export function readDispatchEvidence(job: Job): { directory: string; outcome: string; exitCode: number } | undefined {
  const directory = directoryOf(job);
  const file = join(directory, runName);
  if (!existsSync(file)) return undefined;
  const { status, exitCode } = JSON.parse(readFileSync(file, "utf8")) as { status: string; exitCode: number | null };
  return { directory, outcome: status, exitCode: exitCode ?? 1 };
}

/**
 * Writes it.
 * @param outcome in a word.
 * @param log what the job said; undefined where it is out of reach.
 * @returns its directory.
 */
export function writeDispatchEvidence(job: Job, outcome: string, log: string | undefined): string {
  const secrets = secretsOfEnvironment(job.passed);
  const { id, runner, vm, ref, env, verb, file, command, owner, host, began, exitCode, steps, backend } = job;
  const stack = evidenceName(ref, env);
  const directory = directoryOf(job);
  const stacks = steps.map((step) => `${step.project}/${step.stack}`);
  const state = backend === undefined ? "the backend that both ends reach" : "held by locks here, a copy there";
  const request = { runner, vm, ref, env, verb, file, command, stacks, state, by: `${owner}@${host}` };
  const ended = new Date().toISOString();
  const run = {
    ...{ run: id, project: evidenceProject, stack, ref, env, verb, runner, vm, began, ended, status: outcome },
    exitCode: exitCode ?? null,
    steps: [{ step: verb, began, ended, outcome }],
  };
  const text = (content: Value) => `${JSON.stringify(redactIn(content, secrets), null, 2)}\n`;
  writeEvidence(directory, {
    "dispatch.request.json": text(request),
    [runName]: text(run),
    ...(log === undefined ? {} : { "runner.log": redact(log, secrets) }),
  });
  return directory;
}
