/**
 * Mistakes of a stack's configuration and of the contracts that it reads, as checks: one a mistake, each with what mends it.
 */
import { fieldInfo } from "../../lib/config/fields.ts";
import { ConfigError, type ConfigShape, type Problem } from "../../lib/config/strict.ts";
import { Failure } from "../../lib/failure.ts";
import type { Check } from "../../lib/preflight/check.ts";
import { ProgramError } from "../../lib/program-error.ts";
import { projectFolderText } from "../../lib/project.ts";
import type { StackPlace } from "../pulumi.ts";

/** A stack, and the shape of its project's configuration. */
export interface ConfiguredStack extends StackPlace {
  shape: ConfigShape;
}

/** What came of a piece of work: its result, or checks that say why there is none. */
export type Attempt<T> = { value: T; checks: Check[] } | { value?: never; checks: Check[] };

/**
 * Does what a program does, and turns the errors that it would end with into checks.
 * @param what what holds when it succeeds.
 * @param found what to show beside it then.
 */
export async function attempt<T>(
  what: string,
  stack: ConfiguredStack,
  work: () => T | Promise<T>,
  found: (value: T) => string | undefined = () => undefined,
): Promise<Attempt<T>> {
  try {
    const value = await work();
    const text = found(value);
    return { value, checks: [{ what, status: "ok", ...(text === undefined ? {} : { found: text }) }] };
  } catch (error) {
    if (error instanceof ConfigError) return { checks: error.problems.map((problem) => problemCheck(problem, stack)) };
    if (error instanceof Failure) {
      return { checks: [{ what, status: "failed", found: error.what, ...(error.next ? { fix: error.next } : {}) }] };
    }
    if (error instanceof ProgramError) return { checks: [{ what, status: "failed", found: error.message }] };
    throw error;
  }
}

function problemCheck(problem: Problem, stack: ConfiguredStack): Check {
  const { key, reason } = problem;
  return {
    what: `${stack.project}:${key} can be used`,
    status: "failed",
    found: reason,
    fix: mend(key, stack),
  };
}

/** The command that mends a key; a structure is written by hand. */
export function mend(key: string, { project, stack, shape }: ConfiguredStack): string {
  const at = `--stack ${stack}, in ${projectFolderText(project)}`;
  // What is wrong inside a structure is said with the path to it.
  const top = Object.hasOwn(shape, key) ? key : (key.split(".")[0] ?? key);
  const info = shape[top] && fieldInfo.get(shape[top]);
  if (!info) return `pulumi config rm ${key} ${at}`;
  if (info.secret) return `npx holdfast secrets ensure ${project}/${stack}`;
  const isText = ["string", "integer"].includes(String(info.json.type)) || Array.isArray(info.json.enum);
  if (isText || Array.isArray(info.json.type)) return `pulumi config set ${top} <value> ${at}`;
  return `edit ${project}:${top} in stacks/${project}/Pulumi.${stack}.yaml`;
}
