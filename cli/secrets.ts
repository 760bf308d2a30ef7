/**
 * `holdfast secrets ensure <project>/<stack>`: asks once for each secret that a stack needs and does not have, and stores it.
 * A value travels by standard input alone, and is shown nowhere.
 */
import { text } from "node:stream/consumers";
import { fieldInfo } from "../lib/config/fields.ts";
import { type ConfigShape, holdsPlaceholder } from "../lib/config/strict.ts";
import { Failure } from "../lib/failure.ts";
import { platformVm } from "../platform-vm/project.ts";
import { projectNamed, projectNames } from "./projects.ts";
import { ask } from "./prompt.ts";
import { Pulumi, type StackPlace, stackPlace } from "./pulumi.ts";
import { shapes } from "./shapes.ts";
import { ownValues } from "./stack.ts";

/** What a stack's configuration has of a key. */
export type Presence = "secret" | "clear";

/** Asks, stores, and says what was there. Exit code 0: all secrets are there as secrets; 1: one is there in the clear. */
export async function ensureSecrets(name: string, options: { stdin: boolean; json: boolean }): Promise<number> {
  const place = stackPlace(name, projectNames, platformVm.name);
  const shape = shapes[place.project] ?? {};
  const pulumi = await Pulumi.open();
  const configured = await pulumi.ask(place, ["config", "--json"]);
  const present = presenceIn(configured, place.project);
  const missing = missingSecrets(place.project, shape, present, ownValues(configured, place.project));
  const given = options.stdin ? readPairs(await text(process.stdin)) : await askForAll(place, shape, missing);
  const values = usable(place, shape, present, missing, given);
  for (const [key, value] of Object.entries(values)) await pulumi.ask(place, ["config", "set", "--secret", key], value);
  const there = secretKeys(shape).filter((key) => present[key] === "secret");
  const stored = Object.keys(values);
  const clear = secretKeys(shape).filter((key) => present[key] === "clear" && !stored.includes(key));
  const stack = `${place.project}/${place.stack}`;
  if (options.json) process.stdout.write(`${JSON.stringify({ stack, there, stored, clear }, null, 2)}\n`);
  else process.stdout.write(report(place, { there, stored, clear }));
  return clear.length > 0 ? 1 : 0;
}

function report({ project, stack }: StackPlace, keys: Record<"there" | "stored" | "clear", string[]>): string {
  const lines = [
    ...keys.there.map((key) => `✓ ${key} is there already, as it was`),
    ...keys.stored.map((key) => `✓ ${key} is stored, as a secret`),
    ...keys.clear.map(
      (key) => `✗ ${key} is there in the clear\n  → pulumi config set --secret ${key} --stack ${stack}, in ${project}/`,
    ),
  ];
  return `${project}/${stack}\n\n${lines.length > 0 ? lines.join("\n") : "needs no secret"}\n`;
}

/** What `pulumi config --json` says of a project's keys. */
export function presenceIn(json: string, project: string): Record<string, Presence> {
  const values = JSON.parse(json) as Record<string, { secret?: boolean }>;
  const own = Object.entries(values).filter(([key]) => key.startsWith(`${project}:`));
  return Object.fromEntries(
    own.map(([key, { secret }]) => [key.slice(project.length + 1), secret ? "secret" : "clear"]),
  );
}

/**
 * Keys of secrets that a stack needs and lacks.
 * @param values of the stack's configuration by key, those of secrets empty.
 */
export function missingSecrets(
  project: string,
  shape: ConfigShape,
  present: Record<string, Presence>,
  values: Record<string, string> = {},
): string[] {
  const needs = projectNamed(project)?.secrets ?? {};
  const keys = Object.keys(present);
  // A value that cannot be used is the program's to say.
  const value = (key: string) => shape[key]?.safeParse(values[key] || undefined).data;
  return secretKeys(shape).filter((key) => present[key] === undefined && needs[key]?.({ keys, value }) === true);
}

function secretKeys(shape: ConfigShape): string[] {
  return Object.keys(shape).filter((key) => shape[key] && fieldInfo.get(shape[key])?.secret === true);
}

async function askForAll(
  { project, stack }: StackPlace,
  shape: ConfigShape,
  missing: readonly string[],
): Promise<[string, string][]> {
  const given: [string, string][] = [];
  for (const key of missing) {
    const about = shape[key] && fieldInfo.get(shape[key])?.description;
    const otherwise = `give it by standard input, as ${key}=<value>: holdfast secrets ensure --stdin ${project}/${stack}`;
    given.push([key, await ask(`${key}: ${about}\n(not shown) `, { echo: false, otherwise })]);
  }
  return given;
}

/**
 * Reads `key=value` lines; a value may have `=` in it.
 * @throws Failure for a line that is none, by its number alone: it may hold a secret.
 */
export function readPairs(input: string): [string, string][] {
  return input.split(/\r?\n/).flatMap((line, index): [string, string][] => {
    if (line.trim() === "") return [];
    const at = line.indexOf("=");
    if (at <= 0) throw new Failure(`nothing was stored: line ${index + 1} is not key=value`);
    return [[line.slice(0, at).trim(), line.slice(at + 1)]];
  });
}

/**
 * The values to store. A secret that is there already stays as it is.
 * @throws Failure with everything that is wrong; it repeats no value.
 */
export function usable(
  { project, stack }: StackPlace,
  shape: ConfigShape,
  present: Record<string, Presence>,
  missing: readonly string[],
  given: readonly [string, string][],
): Record<string, string> {
  const problems: string[] = [];
  const values: Record<string, string> = {};
  for (const [key, value] of given) {
    const wrong = Object.hasOwn(values, key) ? "is given twice" : wrongWith(shape, key, value);
    if (wrong) problems.push(`${key}: ${wrong}`);
    if (present[key] !== "secret") values[key] = value;
  }
  const absent = missing.filter((key) => !given.some(([name]) => name === key));
  problems.push(...absent.map((key) => `${key}: is needed, and is not given`));
  if (problems.length === 0) return values;
  throw new Failure(`nothing was stored for ${project}/${stack}:\n${problems.map((line) => `  - ${line}`).join("\n")}`);
}

function wrongWith(shape: ConfigShape, key: string, value: string): string | undefined {
  if (!secretKeys(shape).includes(key)) return "is no secret of this project";
  if (value.trim() === "") return "is empty";
  if (value !== value.trim()) return "begins or ends with white space";
  if (holdsPlaceholder(value)) return "still holds a placeholder";
  const result = shape[key]?.safeParse(value);
  return result && !result.success ? result.error.issues.map(({ message }) => message).join("; ") : undefined;
}
