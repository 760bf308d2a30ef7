/**
 * What became of a blueprint's steps in an environment, on this workstation: written before each step and after it, so that a
 * run that is killed is seen, and the next one goes on from there.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { Failure } from "../../lib/failure.ts";
import { stateRoot } from "../../lib/state-root.ts";

const step = z.object({
  project: z.string(),
  stack: z.string(),
  status: z.enum(["running", "ok", "error", "interrupted", "destroyed"]),
  /** Run that this is of. */
  run: z.string(),
  /** UTC, ISO 8601. */
  began: z.string(),
  ended: z.string().optional(),
  /** Digest of the configuration that the last green run had. */
  digest: z.string().optional(),
  error: z.string().optional(),
  /** Process of Pulumi, and its host. */
  pulumi: z.object({ pid: z.int(), host: z.string() }).optional(),
  /** The stack's own evidence of that run. */
  evidence: z.array(z.string()).default([]),
});

/** What a record is. */
export const recordSchema = z.object({
  ref: z.string(),
  env: z.string(),
  /** The last run. */
  run: z
    .object({
      id: z.string(),
      verb: z.enum(["deploy", "destroy"]),
      file: z.string(),
      began: z.string(),
      ended: z.string().optional(),
      status: z.enum(["running", "ok", "failed", "interrupted"]),
      evidence: z.string(),
    })
    .optional(),
  steps: z.record(z.string(), step),
});

/** The record of a blueprint in an environment. */
export type BlueprintRecord = z.output<typeof recordSchema>;

/** A step's last run. */
export type StepRecord = z.output<typeof step>;

/** `$XDG_STATE_HOME/holdfast/blueprints`, else `~/.local/state/holdfast/blueprints`. */
export function blueprintsRoot(): string {
  return join(stateRoot(), "blueprints");
}

/** A ref as one part of a file's name: `networking.onprem-ops-runner.v1`. */
export function slugOf(ref: string): string {
  return ref.replace(/[/@]/g, ".");
}

/** Path of what is kept of a blueprint, without an ending: `.json` is the record, `.lock` who is at work. */
export function placeOf(ref: string, env: string): string {
  return join(blueprintsRoot(), env, slugOf(ref));
}

/** @throws Failure when there is one that cannot be read. */
export function readRecord(ref: string, env: string): BlueprintRecord {
  const path = `${placeOf(ref, env)}.json`;
  if (!existsSync(path)) return { ref, env, steps: {} };
  const parsed = recordSchema.safeParse(json(path));
  if (parsed.success) return parsed.data;
  throw new Failure(`${path} is no record of a blueprint`, `move it away: every step is then run again, once`);
}

/** Writes it as a whole: a reader never sees half of it. */
export function writeRecord(content: BlueprintRecord): void {
  const path = `${placeOf(content.ref, content.env)}.json`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${process.pid}.partial`;
  writeFileSync(partial, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(partial, path);
}

function json(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
