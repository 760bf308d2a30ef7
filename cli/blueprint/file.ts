/**
 * Blueprint files: those that the checkout ships, an environment's own copies of them, and what is in one.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative, resolve } from "node:path";
import { isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from "yaml";
import type { z } from "zod";
import { Failure } from "../../lib/failure.ts";
import { checkout } from "../pulumi.ts";
import { type BlueprintSpec, blueprintSpec } from "./spec.ts";

const shippedIn = join(checkout, "blueprints");

/** Which blueprint is meant: one of the checkout by its ref, or a file. */
export interface BlueprintSource {
  ref?: string | undefined;
  file?: string | undefined;
}

/** A blueprint as it was read. */
export interface BlueprintFile {
  path: string;
  spec: BlueprintSpec;
  /** The place in words: with the line, where it is known. `at` as problems of a plan have it. */
  where(at: string): string;
}

/** Refs of the blueprints that the checkout has. */
export function shippedRefs(): string[] {
  if (!existsSync(shippedIn)) return [];
  const files = readdirSync(shippedIn, { recursive: true, encoding: "utf8" });
  return files
    .filter((name) => name.endsWith(".yml"))
    .map((name) => name.slice(0, -".yml".length))
    .sort();
}

/** Path of what is meant. @throws Failure when there is no such thing. */
export function pathOf({ ref, file }: BlueprintSource): string {
  if ((ref === undefined) === (file === undefined)) {
    throw new Failure(
      ref === undefined ? "no blueprint is given" : "two blueprints are given",
      "either --ref <group>/<name>@v<number> or --file <path>",
    );
  }
  if (ref === undefined) {
    const path = resolve(file ?? "");
    if (existsSync(path)) return path;
    throw new Failure(`there is no file ${path}`, "holdfast blueprint init --env <env> --ref <ref> makes one");
  }
  const refs = shippedRefs();
  if (!refs.includes(ref)) throw new Failure(`there is no blueprint ${ref}`, `one of ${refs.join(", ")}`);
  return join(shippedIn, `${ref}.yml`);
}

/** Reads a blueprint. @throws Failure with everything in it that no blueprint has. */
export function readBlueprint(source: BlueprintSource): BlueprintFile {
  const path = pathOf(source);
  const lines = new LineCounter();
  const document = parseDocument(readFileSync(path, "utf8"), { lineCounter: lines });
  const refusal = `${path} is no blueprint, nothing was changed:`;
  if (document.errors.length > 0) {
    const list = document.errors.map(({ code, linePos }) => `\n  - line ${linePos?.[0].line}: ${code}`).join("");
    throw new Failure(`${refusal}${list}`, `edit ${path}`);
  }
  const where = (at: string) => {
    const offset = offsetOf(document.contents, at.split("."));
    return offset === undefined ? at : `line ${lines.linePos(offset).line}: ${at}`;
  };
  const parsed = blueprintSpec.safeParse(document.toJS());
  if (parsed.success) return { path, spec: parsed.data, where };
  const list = parsed.error.issues.map((issue) => `\n  - ${issueText(issue, where)}`).join("");
  throw new Failure(`${refusal}${list}`, `edit ${path}; stacks/schemas/blueprint.json says what there is`);
}

function issueText(issue: z.core.$ZodIssue, where: (at: string) => string): string {
  const path = issue.path.map(String);
  if (issue.code !== "unrecognized_keys") return `${where(path.join("."))}: ${issue.message}`;
  const unknown = issue.keys.map((key) => where([...path, key].join("."))).join(", ");
  return `${unknown}: is no field of a blueprint`;
}

/** Where a place of the file begins; a step may be named by its id or by its number. */
function offsetOf(node: ParsedNode | null | undefined, [head, ...rest]: string[]): number | undefined {
  const own = node?.range[0];
  if (head === undefined) return own;
  if (isMap(node)) {
    const pair = node.items.find(
      ({ key }) => isScalar(key) && [head, [head, ...rest].join(".")].includes(`${key.value}`),
    );
    if (!pair) return own;
    const key = (pair.key as ParsedNode).range[0];
    return isMap(pair.value) || isSeq(pair.value) ? (offsetOf(pair.value as ParsedNode, rest) ?? key) : key;
  }
  if (!isSeq(node)) return own;
  const item = node.items.find((one, index) => String(index) === head || idOf(one) === head);
  return item ? offsetOf(item as ParsedNode, rest) : own;
}

function idOf(node: unknown): unknown {
  return isMap(node) ? node.get("id") : undefined;
}

/** Where an environment keeps its copies: `$HOME/.hybridops/envs/<env>/config/blueprints`. */
export function copiesOf(env: string): string {
  return join(homedir(), ".hybridops", "envs", env, "config", "blueprints");
}

/** How a copy is made. */
export interface CopyOptions {
  env: string;
  ref: string;
  /** Name of the copy; default: the blueprint's own. */
  name: string | undefined;
  /** Default: `copiesOf(env)`. */
  directory: string | undefined;
  /** Whether a copy that is there is written over. */
  force: boolean;
}

/** Copies a shipped blueprint for an environment, for its owner alone. @returns the path. @throws Failure over a file. */
export function copyBlueprint({ env, ref, name, directory, force }: CopyOptions): string {
  const from = pathOf({ ref });
  const file = name ?? `${/([^/@]+)@/.exec(ref)?.[1]}.yml`;
  if (!/^\w[\w.@-]*\.ya?ml$/.test(file)) {
    throw new Failure(`${JSON.stringify(file)} is no name of a copy`, "--dest-name onprem-ops-runner.yml");
  }
  const folder = resolve(directory ?? copiesOf(env));
  const path = join(folder, file);
  if (existsSync(path) && !force) {
    throw new Failure(
      `${path} is there already, and was left as it is`,
      "--force writes over it, --dest-name beside it",
    );
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Editors find the schema from there, too.
  const schema = relative(folder, join(checkout, "stacks", "schemas", "blueprint.json"));
  const text = readFileSync(from, "utf8").replace(/(\$schema=)\S+/, (_, head: string) => `${head}${schema}`);
  writeFileSync(path, text, { mode: 0o600 });
  chmodSync(path, 0o600);
  return path;
}
