/**
 * What a blueprint's stacks need beside themselves: stacks whose contracts they read, and contract files. Only that is sent to
 * a runner.
 */
import { isAbsolute, join, relative, resolve } from "node:path";
import { templateStack } from "../../platform-vm/plan-proxmox.ts";
import { readStackFile } from "../blueprint/stack-file.ts";
import { checkout, folderOf, type StackPlace } from "../pulumi.ts";

/** What is sent beside the stacks of the steps. */
export interface Needs {
  /** Stacks that are only read. */
  reads: StackPlace[];
  /** Files, as paths in the checkout. */
  files: string[];
  /** Everything that cannot be sent, with what to do. */
  problems: string[];
}

/** Configuration keys that name a stack, with the project that it is of. */
const stackKeys: Readonly<Record<string, string>> = { "site.stack": "foundation", "vms.stack": "platform-vm" };
/** Configuration keys that name a file. */
const fileKeys = ["site.file", "vms.file", "netbox.file"];

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
    for (const place of stacksIn(step, values, env)) {
      const name = `${place.project}/${place.stack}`;
      if (!own.has(name)) reads.set(name, place);
    }
    for (const key of fileKeys) {
      const value = values[key];
      if (typeof value !== "string" || value === "") continue;
      const path = relative(checkout, resolve(checkout, folderOf(step.project), value));
      if (!isAbsolute(value) && !path.startsWith("..")) files.add(path);
      else
        problems.push(
          `${step.project}/${step.stack}: ${key} is ${value}, which is not in the checkout; put it there, and name it relative to ${join(step.project, "/")}`,
        );
    }
  }
  return { reads: [...reads.values()], files: [...files], problems };
}

function stacksIn({ project }: StackPlace, values: Record<string, unknown>, env: string): StackPlace[] {
  const named = Object.entries(stackKeys).flatMap(([key, producer]): StackPlace[] => {
    const value = values[key];
    return typeof value === "string" && value !== "" ? [{ project: producer, stack: value }] : [];
  });
  const reference = values.template_state_ref;
  const isClone = project === "platform-vm" && typeof reference === "string" && values.template_vm_id === undefined;
  return isClone ? [...named, { project: "template-image", stack: templateStack(reference, env) }] : named;
}
