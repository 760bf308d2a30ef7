/**
 * A stack as Pulumi keeps it: the values of its configuration and the resources of its state, and the contracts of the
 * stacks that it reads. Nothing is changed.
 */
import { resolve } from "node:path";
import type { z } from "zod";
import { type Contract, checkContract, consume } from "../lib/contracts/contract.ts";
import { Failure } from "../lib/failure.ts";
import type { RecordedResource } from "../lib/preflight/recorded.ts";
import { projectFolderText } from "../lib/project.ts";
import { projectNamed } from "./projects.ts";
import { checkout, type Pulumi, type StackPlace } from "./pulumi.ts";

/** A resource of a state. */
export interface StateResource extends RecordedResource {
  urn: string;
  /** Whether Pulumi refuses to delete it. */
  protect?: boolean;
}

/** Configuration and state. */
export interface StackFacts {
  /** The project's own values by key, as its program gets them; secrets in the clear. */
  values: Record<string, string>;
  resources: StateResource[];
}

/** @throws Failure when the stack cannot be read. */
export async function readStack(pulumi: Pulumi, place: StackPlace): Promise<StackFacts> {
  const [values, state] = await Promise.all([
    pulumi.ask(place, ["config", "--show-secrets", "--json"]),
    pulumi.ask(place, ["stack", "export"]),
  ]);
  return { values: ownValues(values, place.project), resources: resourcesIn(state) };
}

/** The resources of an exported state, without those that only wait to be deleted. */
export function resourcesIn(state: string): StateResource[] {
  const { deployment } = JSON.parse(state) as { deployment: { resources?: (StateResource & { delete?: boolean })[] } };
  return (deployment.resources ?? []).filter((resource) => !resource.delete);
}

/** The values of one project in what `pulumi config --json` says, by key without the project. */
export function ownValues(json: string, project: string): Record<string, string> {
  const values = JSON.parse(json) as Record<string, { value?: string }>;
  const prefix = `${project}:`;
  const own = Object.entries(values).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(own.map(([key, { value }]) => [key.slice(prefix.length), value ?? ""]));
}

/**
 * A contract that another stack exports.
 * @throws Failure when there is no such stack or output; ProgramError when it is something else.
 */
export async function readContract<S extends z.ZodType>(
  pulumi: Pulumi,
  contract: Contract<S>,
  stack: string,
): Promise<z.output<S>> {
  const place = { project: contract.producer, stack };
  const output = await pulumi.ask(place, ["stack", "output", contract.output, "--json"]).catch((error: Error) => {
    const what = error instanceof Failure ? error.what : error.message;
    const text = `${place.project}/${stack} exports no ${contract.output} (${contract.version}), or cannot be read: ${what}`;
    throw new Failure(text, `pulumi up --stack ${stack}, in ${projectFolderText(place.project)}`, { cause: error });
  });
  return checkContract(contract, JSON.parse(output), `stack ${stack} of ${projectFolderText(place.project)} exports`);
}

/**
 * A contract that a stack reads, from where its configuration says that it is, with the keys that its project declares.
 * @param values of the configuration, by key.
 * @returns undefined where it says nothing.
 * @throws Failure when there is no such stack or output; ProgramError when it is something else, or no file.
 */
export async function readConsumed<S extends z.ZodType>(
  pulumi: Pulumi,
  project: string,
  contract: Contract<S>,
  values: Readonly<Record<string, unknown>>,
): Promise<z.output<S> | undefined> {
  const consumed = projectNamed(project)?.consumes.find((one) => one.contract === contract.version);
  const named = (key = "") => (typeof values[key] === "string" ? values[key] : undefined);
  const [stack, file] = [named(consumed?.stackKey), named(consumed?.fileKey)];
  if (stack !== undefined) return readContract(pulumi, contract, stack);
  return consume(contract, { file: file && resolve(checkout, project, file) });
}
