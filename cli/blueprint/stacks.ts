/**
 * The stacks of a blueprint's steps as the backend has them: which there are, and what secrets they hold.
 */

import { Failure } from "../../lib/failure.ts";
import { projectFolderText } from "../../lib/project.ts";
import type { Pulumi, StackPlace, StackSummary } from "../pulumi.ts";
import { lackingSecrets, mergedProblems, secretCommand } from "./load.ts";
import type { PlannedStep } from "./plan.ts";
import { readStackFile } from "./stack-file.ts";

/** The stacks of all steps, by `<project>/<stack>`. */
export type StacksThere = ReadonlyMap<string, StackSummary>;

/** Which of the stacks that the steps name are there. */
export async function stacksOf(pulumi: Pulumi, steps: readonly PlannedStep[]): Promise<StacksThere> {
  const projects = [...new Set(steps.map(({ project }) => project))];
  const lists = await Promise.all(projects.map((project) => pulumi.stackList(project)));
  return new Map(
    projects.flatMap((project, index) => (lists[index] ?? []).map((one) => [`${project}/${one.name}`, one] as const)),
  );
}

/** Whether there is something in a step's stack. */
export function isDeployed(there: StacksThere, { project, stack }: StackPlace): boolean {
  return (there.get(`${project}/${stack}`)?.resourceCount ?? 0) > 0;
}

/**
 * Makes the stacks that are missing, so that secrets have a place to go.
 * @throws Failure with everything that the stacks lack; nothing was deployed then.
 */
export async function prepareStacks(pulumi: Pulumi, steps: readonly PlannedStep[], there: StacksThere): Promise<void> {
  for (const { project, stack } of steps) {
    if (there.has(`${project}/${stack}`)) continue;
    await pulumi.make({ project, stack });
    process.stderr.write(`· stack ${project}/${stack} is made\n`);
  }
  const lines = steps.flatMap((step) => {
    const { project, stack } = step;
    const lacking = lackingSecrets(step);
    const secrets = lacking.map(
      (key) => `${project}/${stack} has no secret ${key}\n      next: ${secretCommand(step, key)}`,
    );
    const wrong = mergedProblems(step).map(
      ({ key, reason }) =>
        `${project}/${stack}: ${key}: ${reason}\n      next: pulumi config set ${key} <value> --stack ${stack}, in ${projectFolderText(project)}, or steps.${step.id}.config in the blueprint`,
    );
    return [...secrets, ...wrong];
  });
  if (lines.length === 0) return;
  throw new Failure(`nothing was deployed:${lines.map((line) => `\n  - ${line}`).join("")}`);
}

/** Values of a stack's secrets, to be kept out of texts; without a question where its file has none. */
export async function secretValues(pulumi: Pulumi, place: StackPlace): Promise<string[]> {
  if (!Object.values(readStackFile(place).present).includes("secret")) return [];
  const values = JSON.parse(await pulumi.ask(place, ["config", "--show-secrets", "--json"])) as Record<
    string,
    { value?: string; secret?: boolean }
  >;
  return Object.values(values).flatMap(({ value, secret }) => (secret && value !== undefined ? [value] : []));
}
