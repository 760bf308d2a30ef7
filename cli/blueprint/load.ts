/**
 * A blueprint, planned for an environment and held against the projects of the checkout and the stacks' files: everything that
 * is wrong with it before anything is asked of Pulumi.
 */

import { fieldInfo } from "../../lib/config/fields.ts";
import { ConfigError, type ConfigShape, parseConfig } from "../../lib/config/strict.ts";
import { Failure } from "../../lib/failure.ts";
import { projectFolderText } from "../../lib/project.ts";
import type { StackPlace } from "../pulumi.ts";
import { missingSecrets } from "../secrets.ts";
import { shapes } from "../shapes.ts";
import { type BlueprintFile, type BlueprintSource, readBlueprint } from "./file.ts";
import { type BlueprintPlan, type BlueprintProblem, type PlannedStep, planBlueprint } from "./plan.ts";
import { asTexts, isProject, readStackFile } from "./stack-file.ts";

/** A blueprint that was read and planned. */
export interface LoadedBlueprint {
  file: BlueprintFile;
  plan: BlueprintPlan;
  problems: BlueprintProblem[];
}

/** Reads, plans, and looks at every step. @throws Failure when the file cannot be read as a blueprint. */
export function loadBlueprint(source: BlueprintSource, env: string): LoadedBlueprint {
  const file = readBlueprint(source);
  const plan = planBlueprint(file.spec, env);
  return { file, plan, problems: [...plan.problems, ...plan.steps.flatMap((step) => stepProblems(step, env))] };
}

/** The same, for what is going to be run. @throws Failure with every problem. */
export function soundBlueprint(source: BlueprintSource, env: string): LoadedBlueprint {
  const loaded = loadBlueprint(source, env);
  refuse(loaded, loaded.problems);
  return loaded;
}

/** @throws Failure with every problem and its place, if there is one. */
export function refuse({ file }: LoadedBlueprint, problems: readonly BlueprintProblem[]): void {
  if (problems.length === 0) return;
  const list = problems.map(({ at, reason }) => `\n  - ${file.where(at)}: ${reason}`).join("");
  throw new Failure(`blueprint ${file.path} cannot be used, nothing was changed:${list}`, `edit ${file.path}`);
}

function stepProblems(step: PlannedStep, env: string): BlueprintProblem[] {
  const at = `steps.${step.id}`;
  if (!isProject(step.project)) {
    return [{ at: `${at}.project`, reason: `there is no project ${step.project} in this checkout` }];
  }
  const shape = shapes[step.project];
  return [...(shape ? configProblems(step, shape) : []), ...environmentProblems(step, env)];
}

/** What the project's own schema says of the values that the blueprint gives. What it leaves out, the stack may have. */
function configProblems({ id, project, stack, config, secrets }: PlannedStep, shape: ConfigShape): BlueprintProblem[] {
  const isSecret = (key: string) => shape[key] !== undefined && fieldInfo.get(shape[key])?.secret === true;
  const clear = Object.keys(config).filter(isSecret);
  const found = clear.map((key) => ({
    at: `steps.${id}.config.${key}`,
    reason: `is a secret, and no blueprint holds one; name it in secrets, and: holdfast secrets ensure ${project}/${stack}`,
  }));
  const strange = secrets
    .filter((key) => !isSecret(key))
    .map((key) => ({ at: `steps.${id}.secrets`, reason: `${key} is no secret of ${project}` }));
  const plain = Object.fromEntries(Object.entries(asTexts(config)).filter(([key]) => !clear.includes(key)));
  const wrong = problemsOf(project, stack, shape, plain)
    // A placeholder is told by the plan, with its place.
    .filter(({ key, reason }) => key in plain && !reason.includes("placeholder"))
    .map(({ key, reason }) => ({ at: `steps.${id}.config.${key}`, reason }));
  return [...found, ...strange, ...wrong];
}

function problemsOf(project: string, stack: string, shape: ConfigShape, values: Record<string, string>) {
  try {
    parseConfig(project, stack, shape, values);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** A stack that says its environment says this one. */
function environmentProblems({ id, project, stack }: PlannedStep, env: string): BlueprintProblem[] {
  const own = readStackFile({ project, stack }).values.env;
  if (own === undefined || own === env) return [];
  return [
    {
      at: `steps.${id}`,
      reason: `stack ${project}/${stack} is of the environment ${String(own)}, and ${env} is asked for; use the stack of that environment`,
    },
  ];
}

/** Secrets that a step's stack needs and does not have, by its file. */
export function lackingSecrets({ project, stack, config, secrets }: PlannedStep): string[] {
  const { present, values } = readStackFile({ project, stack });
  const shape = shapes[project];
  const wanted = shape ? missingSecrets(project, shape, present, asTexts({ ...values, ...config })) : [];
  return [...new Set([...secrets.filter((key) => present[key] !== "secret"), ...wanted])];
}

/** The command that gives a stack a secret; one of a project without a schema is given to Pulumi itself. */
export function secretCommand({ project, stack }: StackPlace, key: string): string {
  if (shapes[project]) return `npx holdfast secrets ensure ${project}/${stack}`;
  return `pulumi config set --secret ${key} --stack ${stack}, in ${projectFolderText(project)}`;
}

/** What is wrong with a step's configuration as it will be: the blueprint's values over the stack's own. */
export function mergedProblems({ project, stack, config }: PlannedStep): { key: string; reason: string }[] {
  const shape = shapes[project];
  if (!shape) return [];
  const { values, present } = readStackFile({ project, stack });
  const hidden = (key: string) => present[key] === "secret" && config[key] === undefined;
  const problems = problemsOf(project, stack, shape, asTexts({ ...values, ...config }));
  return problems.filter(({ key }) => !hidden(key) && !(shape[key] && fieldInfo.get(shape[key])?.secret));
}
