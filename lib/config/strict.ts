/**
 * Strict stack configuration: every key is known, every value is checked, every problem is reported at once with the
 * command that mends it, and no message ever holds a value, because values include secrets in the clear.
 */
import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import { ProgramError } from "../program-error.ts";

/** Text that somebody still has to replace. */
const placeholder = /(CHANGE_ME|REPLACE_|YOUR_)\w*/;

/** Whether a value is one that somebody still has to replace. */
export function holdsPlaceholder(value: string): boolean {
  return placeholder.test(value);
}

/** One problem with one key. */
export interface Problem {
  key: string;
  reason: string;
}

/** Notes a problem with a key, so that a planner goes on and all are reported at once. */
export type ReportProblem = (key: string, reason: string) => void;

/** A shape of flat, dotted keys (`host.address`), each with a schema that reads Pulumi's text. */
export type ConfigShape = Record<string, z.ZodType>;

/** What parsing a shape gives. */
export type ConfigOf<S extends ConfigShape> = { [K in keyof S]: z.infer<S[K]> };

/**
 * Parses the values of one project's namespace. Pure.
 * @param raw all values of the namespace by key without the namespace, as Pulumi gives them: text, JSON for structures.
 * @throws one error that lists every problem.
 */
export function parseConfig<S extends ConfigShape>(
  project: string,
  stack: string,
  shape: S,
  raw: Readonly<Record<string, string>>,
): ConfigOf<S> {
  const problems: Problem[] = unknownKeys(shape, raw);
  const values: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(shape)) {
    const text = raw[key];
    if (text !== undefined && holdsPlaceholder(text)) {
      problems.push({ key, reason: "still holds a placeholder; put the real value in" });
      continue;
    }
    const result = schema.safeParse(text);
    if (result.success) values[key] = result.data;
    else problems.push(...reasonsOf(result.error, text === undefined).map((reason) => ({ key, reason })));
  }
  if (problems.length > 0) throw new ConfigError(project, stack, problems);
  stated.set(values, new Set(Object.keys(raw)));
  return values as ConfigOf<S>;
}

const stated = new WeakMap<object, ReadonlySet<string>>();

/** The keys that a stack's own configuration says, in contrast to those that have their default. For what `parseConfig` gave. */
export function statedKeys(config: object): ReadonlySet<string> {
  return stated.get(config) ?? new Set();
}

/**
 * Reads and parses the configuration of the running program. Call it first: it fails before any provider exists.
 * Keys whose schema is marked with `secret()` come back in the clear; wrap them with `pulumi.secret` before use.
 */
export function loadConfig<S extends ConfigShape>(shape: S): ConfigOf<S> {
  const project = pulumi.getProject();
  const prefix = `${project}:`;
  const raw = Object.fromEntries(
    Object.entries(pulumi.runtime.allConfig())
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
  );
  return parseConfig(project, pulumi.getStack(), shape, raw);
}

/** Every problem of a stack's configuration, in one error. */
export class ConfigError extends ProgramError {
  constructor(
    project: string,
    stack: string,
    readonly problems: readonly Problem[],
  ) {
    const lines = problems.map(({ key, reason }) => `  - ${project}:${key}: ${reason}`);
    super(`configuration of stack ${stack} cannot be used, nothing was changed:\n${lines.join("\n")}`);
  }
}

function unknownKeys(shape: ConfigShape, raw: Readonly<Record<string, string>>): Problem[] {
  return Object.keys(raw)
    .filter((key) => !Object.hasOwn(shape, key))
    .map((key) => {
      const flat = Object.keys(shape).filter((known) => known.startsWith(`${key}.`));
      if (flat.length > 0) {
        return {
          key,
          reason: `is nested (set with --path?); use the flat keys ${flat.map((name) => `\`pulumi config set ${name} …\``).join(", ")} and \`pulumi config rm ${key}\``,
        };
      }
      const close = nearest(key, Object.keys(shape));
      return { key, reason: `is not a key of this project${close ? `; did you mean ${close}?` : ""}` };
    });
}

/** Everything that is wrong with one value: a structure may have several mistakes. */
function reasonsOf(error: z.ZodError, missing: boolean): string[] {
  if (missing) return ["is required"];
  return error.issues.flatMap(flat).map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
}

/** An issue of one of several shapes is told as the shape that comes closest tells it. */
function flat(issue: z.core.$ZodIssue): { path: string; message: string }[] {
  const at = issue.path.map(String);
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const closest = issue.errors.reduce((best, other) => (depth(other) > depth(best) ? other : best));
    return closest.flatMap((inner) => flat({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  return [{ path: at.join("."), message: issue.message }];
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(...issues.map(({ path, code }) => path.length * 2 + (code === "invalid_type" ? 0 : 1)));
}

/** The known key that differs in the fewest letters, if it is close enough to be a slip of the pen. */
function nearest(key: string, known: string[]): string | undefined {
  const scored = known
    .map((name) => ({ name, distance: editDistance(key, name) }))
    .sort((a, b) => a.distance - b.distance);
  return scored[0] && scored[0].distance <= 3 ? scored[0].name : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
