/**
 * From a blueprint to the steps of one environment: their stacks' names, their configuration filled in, and an order in which
 * what a step needs comes before it. Everything that is wrong is said at once. Pure.
 */
import { holdsPlaceholder, type ReportProblem } from "../../lib/config/strict.ts";
import { stackOf } from "./references.ts";
import type { BlueprintSpec, StepSpec } from "./spec.ts";

/** A step, decided. */
export interface PlannedStep extends Omit<StepSpec, "stack"> {
  stack: string;
}

/** Something that is wrong, with its place in the file. */
export interface BlueprintProblem {
  /** For example `steps.onprem_ops_runner.config.vms.runner-01`. */
  at: string;
  reason: string;
  /** Whether it only waits to be filled in, as a shipped blueprint does. */
  placeholder?: true;
}

/** A blueprint for one environment. */
export interface BlueprintPlan {
  ref: string;
  env: string;
  /** In the order in which they are run. */
  steps: PlannedStep[];
  problems: BlueprintProblem[];
}

/** Plans a blueprint; with problems the steps are as far as they could be decided. */
export function planBlueprint(spec: BlueprintSpec, env: string): BlueprintPlan {
  const problems: BlueprintProblem[] = [];
  const report = (at: string, reason: string) => void problems.push({ at, reason });
  const stacks = new Map(spec.steps.map((step) => [step.id, stackName(step, env, report)]));
  checkNames(spec.steps, stacks, report);
  checkNeeds(spec.steps, report);
  const steps = spec.steps.map((step): PlannedStep => {
    const at = `steps.${step.id}.config`;
    const config = filled(step.config, at, (name, place) => standsFor(name, place, { env, stacks }, report));
    for (const place of placeholdersIn(config, at)) {
      problems.push({ at: place, reason: "still holds a placeholder; put the real value in", placeholder: true });
    }
    return { ...step, stack: stacks.get(step.id) ?? "", config: config as Record<string, unknown> };
  });
  checkEnvironment(steps, env, report);
  return { ref: spec.ref, env, steps: inOrder(steps, report), problems };
}

function stackName({ id, stack }: StepSpec, env: string, report: ReportProblem): string {
  if (stack === undefined) return stackOf(id, env);
  const name = stack.replaceAll(`\${env}`, env);
  if (!/^\w[\w.-]*$/.test(name)) report(`steps.${id}.stack`, `expected letters, digits, _ - . and \${env} alone`);
  return name;
}

function checkNames(steps: readonly StepSpec[], stacks: ReadonlyMap<string, string>, report: ReportProblem): void {
  const seen = new Map<string, string>();
  const ids = new Set<string>();
  for (const { id, project } of steps) {
    if (ids.has(id)) report(`steps.${id}`, "there are two steps of this name");
    ids.add(id);
    const place = `${project}/${stacks.get(id)}`;
    const other = seen.get(place);
    if (other !== undefined && other !== id) report(`steps.${id}.stack`, `is ${place}, which is the stack of ${other}`);
    seen.set(place, id);
  }
}

function checkNeeds(steps: readonly StepSpec[], report: ReportProblem): void {
  const ids = new Set(steps.map(({ id }) => id));
  for (const { id, requires } of steps) {
    for (const need of requires.filter((need) => !ids.has(need))) {
      report(`steps.${id}.requires`, `there is no step ${need}; there are ${[...ids].join(", ")}`);
    }
  }
}

/** A stack's own `env` never differs from the environment that is asked for. */
function checkEnvironment(steps: readonly PlannedStep[], env: string, report: ReportProblem): void {
  for (const { id, config } of steps) {
    if (config.env === undefined || config.env === env) continue;
    report(`steps.${id}.config.env`, `differs from the environment ${env}, which is asked for`);
  }
}

/** What `${…}` stands for. */
function standsFor(
  name: string,
  at: string,
  { env, stacks }: { env: string; stacks: ReadonlyMap<string, string> },
  report: ReportProblem,
): string {
  if (name === "env") return env;
  const id = /^steps\.([a-z0-9_]+)\.stack$/.exec(name)?.[1];
  const stack = id === undefined ? undefined : stacks.get(id);
  if (stack !== undefined) return stack;
  const known = ["env", ...[...stacks.keys()].map((step) => `steps.${step}.stack`)];
  report(at, `\${${name}} stands for nothing; there are ${known.map((one) => `\${${one}}`).join(", ")}`);
  return "";
}

/** The value with every `${…}` in it filled in. */
function filled(value: unknown, at: string, fill: (name: string, at: string) => string): unknown {
  if (typeof value === "string") return value.replace(/\$\{([^}]*)\}/g, (_, name: string) => fill(name.trim(), at));
  if (Array.isArray(value)) return value.map((item, index) => filled(item, `${at}.${index}`, fill));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, `${at}.${key}`, fill)]));
}

function placeholdersIn(value: unknown, at: string): string[] {
  if (typeof value === "string") return holdsPlaceholder(value) ? [at] : [];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, item]) => placeholdersIn(item, `${at}.${key}`));
}

/** Each step behind what it needs, and otherwise as they are written. */
function inOrder(steps: readonly PlannedStep[], report: ReportProblem): PlannedStep[] {
  const ids = new Set(steps.map(({ id }) => id));
  const done = new Set<string>();
  const ordered: PlannedStep[] = [];
  let waiting = [...steps];
  while (waiting.length > 0) {
    const next = waiting.find(({ requires }) => requires.every((need) => done.has(need) || !ids.has(need)));
    if (!next) {
      const circle = waiting.map(({ id }) => id).join(", ");
      report("steps", `need each other in a circle: ${circle}`);
      return [...ordered, ...waiting];
    }
    done.add(next.id);
    ordered.push(next);
    waiting = waiting.filter((step) => step !== next);
  }
  return ordered;
}

/** The steps that a step needs, directly or through others. */
export function needsOf(steps: readonly Pick<PlannedStep, "id" | "requires">[], id: string): Set<string> {
  const needs = new Set<string>();
  const waiting = [id];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const need of steps.find((step) => step.id === at)?.requires ?? []) {
      if (!needs.has(need)) waiting.push(need);
      needs.add(need);
    }
  }
  return needs;
}
