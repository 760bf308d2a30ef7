/**
 * What a blueprint's stacks need beside themselves: stacks whose contracts they read, and contract files. Only that is sent to
 * a runner.
 */
import { isAbsolute, join, relative, resolve } from "node:path";
import { type ConsumedContract, projectFolder } from "../../lib/project.ts";
import { readStackFile } from "../blueprint/stack-file.ts";
import { producerOf, projectNamed, projects } from "../projects.ts";
import { checkout, type StackPlace } from "../pulumi.ts";

/** What is sent beside the stacks of the steps. */
export interface Needs {
  /** Stacks that are only read. */
  reads: StackPlace[];
  /** Files, as paths in the checkout. */
  files: string[];
  /** Everything that cannot be sent, with what to do. */
  problems: string[];
}

/** What the projects of this repository read, for a program that is none of them and says with the same keys where it is. */
const anyContracts: readonly ConsumedContract[] = projects
  .flatMap(({ consumes }) => consumes)
  .filter((one) => !("stackOf" in one));

/** A step, as far as it needs something. */
interface NeedingStep extends StackPlace {
  /** The configuration that it gets. */
  config: Readonly<Record<string, unknown>>;
}

/** Looks through the configuration that each step will have. */
export function needsOfPlan({ steps, env }: { steps: readonly NeedingStep[]; env: string }): Needs {
  const own = new Set(steps.map(({ project, stack }) => `${project}/${stack}`));
  const reads = new Map<string, StackPlace>();
  const files = new Set<string>();
  const problems: string[] = [];
  for (const step of steps) {
    const values: Record<string, unknown> = { ...readStackFile(step).values, ...step.config };
    const consumed = projectNamed(step.project)?.consumes ?? anyContracts;
    for (const place of stacksIn(consumed, values, env)) {
      const name = `${place.project}/${place.stack}`;
      if (!own.has(name)) reads.set(name, place);
    }
    for (const key of new Set(consumed.flatMap(({ fileKey = [] }) => fileKey))) {
      const value = values[key];
      if (typeof value !== "string" || value === "") continue;
      const path = relative(checkout, resolve(checkout, projectFolder(step.project), value));
      if (!isAbsolute(value) && !path.startsWith("..")) files.add(path);
      else
        problems.push(
          `${step.project}/${step.stack}: ${key} is ${value}, which is not in the checkout; put it there, and name it relative to ${join(step.project, "/")}`,
        );
    }
  }
  return { reads: [...reads.values()], files: [...files], problems };
}

function stacksIn(consumed: readonly ConsumedContract[], values: Record<string, unknown>, env: string): StackPlace[] {
  return consumed.flatMap(({ contract, stackKey = "", stackOf }): StackPlace[] => {
    const project = producerOf(contract)?.name;
    const stack = stackOf ? stackOf(values, env) : values[stackKey];
    return project === undefined || typeof stack !== "string" || stack === "" ? [] : [{ project, stack }];
  });
}
