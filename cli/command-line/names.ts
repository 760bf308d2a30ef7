/**
 * Names that completion offers: read from files of this workstation, within milliseconds; what cannot be read offers nothing.
 */
import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { stateRoot } from "../../lib/state-root.ts";
import type { Completion } from "./declaration.ts";

/** Top folder of the checkout. */
const checkout = join(import.meta.dirname, "../..");

/**
 * Completes the name of a stack.
 * @param project whose stacks may be called by their bare names.
 * @param others whose stacks are called `<project>/<stack>`.
 */
export function stackNames(project: string, others: readonly string[] = []): Completion {
  return () => [
    ...stacksOf(project),
    ...others.flatMap((other) => stacksOf(other).map((stack) => `${other}/${stack}`)),
  ];
}

/**
 * Completes the name of a stack of any project.
 * @param separator between the two names.
 */
export function projectAndStack(separator: "/" | "#" = "/"): Completion {
  return () => projects().flatMap((project) => stacksOf(project).map((stack) => `${project}${separator}${stack}`));
}

/** Completes the project of evidence, and the stack behind it. */
export const evidenceProject: Completion = () => namesIn(evidenceRoot());
export const evidenceStack: Completion = ([project = ""]) => namesIn(join(evidenceRoot(), project));

/** Completes the name of a blueprint that the checkout has. */
export const blueprintRefs: Completion = () =>
  namesIn(join(checkout, "blueprints"))
    .filter((folder) => !folder.includes("."))
    .flatMap((folder) =>
      namesIn(join(checkout, "blueprints", folder)).map((file) => `${folder}/${file.replace(/\.yml$/, "")}`),
    );

/** Completes the number of a job that is not over. */
export const jobIds: Completion = async () => {
  const { openJobs } = await import("../dispatch/job.ts");
  return openJobs().map(({ id }) => id);
};

/** Every project that stacks may be configured of. */
function projects(): string[] {
  return namesIn(join(checkout, "stacks")).filter((name) => !name.includes(".") && name !== "schemas");
}

/** Stacks of a backend in files, as it has them; of another backend those that have a stack file in this checkout. */
function stacksOf(project: string): string[] {
  const root = /^file:\/\/([^?]*)/.exec(process.env.PULUMI_BACKEND_URL ?? "")?.[1];
  if (root === undefined) {
    const files = namesIn(join(checkout, "stacks", project));
    return files.flatMap((name) => /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1] ?? []);
  }
  const states = namesIn(join(root.replace(/^~(?=\/|$)/, homedir()), ".pulumi/stacks", project));
  return states.flatMap((name) => /^([\w.-]+?)\.json(?:\.gz)?$/.exec(name)?.[1] ?? []);
}

function evidenceRoot(): string {
  return join(stateRoot(), "evidence");
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
