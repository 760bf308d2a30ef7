/**
 * The configuration file of a stack, read and written as a file: a blueprint changes what differs, and leaves other keys,
 * comments and secrets as they are. No value travels in an argument list.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Document, parse, parseDocument } from "yaml";
import { Failure } from "../../lib/failure.ts";
import { projectFolder, projectFolderText } from "../../lib/project.ts";
import { checkout, type StackPlace } from "../pulumi.ts";
import type { Presence } from "../secrets.ts";

/** What a stack file has of its project's own keys. */
export interface StackFile {
  path: string;
  /** Values that are there in the clear, by key without the project. */
  values: Record<string, unknown>;
  /** Every key that is there, and how. */
  present: Record<string, Presence>;
}

/** Whether there is a project of this name in the checkout. */
export function isProject(project: string): boolean {
  const file = join(checkout, projectFolder(project), "Pulumi.yaml");
  return existsSync(file) && (parse(readFileSync(file, "utf8")) as { name?: unknown }).name === project;
}

/** Reads a stack's file; one that is not there yet is empty. @throws Failure when it is no YAML. */
export function readStackFile(place: StackPlace): StackFile {
  const path = stackFilePath(place);
  const config = (documentOf(path).toJS() as { config?: Record<string, unknown> } | null)?.config ?? {};
  const prefix = `${place.project}:`;
  const own = Object.entries(config).flatMap(([key, value]): [string, unknown][] =>
    key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
  );
  return {
    path,
    values: Object.fromEntries(own.filter(([, value]) => !isSecure(value))),
    present: Object.fromEntries(own.map(([key, value]) => [key, isSecure(value) ? "secret" : "clear"])),
  };
}

/** Keys whose value in the stack file is not what is wanted; as Pulumi reads them, `8` and `"8"` are the same. */
export function differingKeys(file: StackFile, wanted: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(wanted).filter((key) => {
    return file.present[key] !== "clear" || !isDeepStrictEqual(asRead(file.values[key]), asRead(wanted[key]));
  });
}

/**
 * Writes the values that differ into a stack's file, or into a copy of it.
 * @param path of the copy; default: the stack's own file.
 * @returns the keys that were written.
 */
export function writeStackFile(
  place: StackPlace,
  wanted: Readonly<Record<string, unknown>>,
  path = stackFilePath(place),
): string[] {
  const keys = differingKeys(readStackFile(place), wanted);
  if (keys.length === 0 && path === stackFilePath(place)) return [];
  const document = documentOf(stackFilePath(place));
  for (const key of keys) document.setIn(["config", `${place.project}:${key}`], document.createNode(wanted[key]));
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  writeFileSync(partial, document.toString(), { mode: 0o600 });
  // As it was: other people of the checkout may have to read it.
  if (existsSync(path)) chmodSync(partial, statSync(path).mode & 0o777);
  renameSync(partial, path);
  return keys;
}

/** A configuration's values as a program gets them: text, JSON for structures. */
export function asTexts(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, asText(value)]));
}

function asText(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "");
}

/** Structures that were set as text are structures, too. */
function asRead(value: unknown): unknown {
  const text = asText(value);
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function isSecure(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).join() === "secure";
}

function stackFilePath({ project, stack }: StackPlace): string {
  const folder = join(checkout, projectFolder(project));
  const { stackConfigDir = "." } = parse(readFileSync(join(folder, "Pulumi.yaml"), "utf8")) as {
    stackConfigDir?: string;
  };
  return join(folder, stackConfigDir, `Pulumi.${stack}.yaml`);
}

function documentOf(path: string) {
  if (!existsSync(path)) return new Document({});
  const document = parseDocument(readFileSync(path, "utf8"));
  const [error] = document.errors;
  if (!error) return document;
  // The parser's own words quote the line.
  throw new Failure(`${path} is no YAML: ${error.code} in line ${error.linePos?.[0].line ?? "?"}`, `edit ${path}`);
}

/** The file in words, for messages. */
export function stackFileText(place: StackPlace): string {
  return `configuration of stack ${place.stack} in ${projectFolderText(place.project)}`;
}
