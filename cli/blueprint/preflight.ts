/**
 * Everything about a blueprint that can be looked at without a change: tools, secrets, configuration, contracts, what the
 * projects' own preflights look at, and a preview of each step. What needs a step that was not deployed yet is deferred.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Check } from "../../lib/preflight/check.ts";
import { step as progress } from "../../lib/progress.ts";
import { projectFolderText } from "../../lib/project.ts";
import { redact } from "../../lib/redact.ts";
import { secretsOfEnvironment } from "../../lib/secret-environment.ts";
import { mend } from "../preflight/config-checks.ts";
import { onlyWarns, ownChecks } from "../preflight/preflight.ts";
import { evidenceCheck } from "../preflight/workstation.ts";
import type { Pulumi } from "../pulumi.ts";
import { shapes } from "../shapes.ts";
import { changesIn, failureIn, type Interrupt, runPulumi } from "./engine.ts";
import { type LoadedBlueprint, lackingSecrets, mergedProblems, secretCommand } from "./load.ts";
import { holderOf, isAtWork } from "./lock.ts";
import { needsOf, type PlannedStep } from "./plan.ts";
import { writeStackFile } from "./stack-file.ts";
import { isDeployed, type StacksThere, secretValues, stacksOf } from "./stacks.ts";

/** What was found of a step. `deferred`: as far as it could be looked at, it is ready. */
export interface StepReport {
  id: string;
  project: string;
  stack: string;
  status: "ready" | "deferred" | "blocked";
  checks: Check[];
}

/** What was found of a blueprint. */
export interface BlueprintReport {
  /** What is of no step. */
  checks: Check[];
  steps: StepReport[];
}

/** Looks at every step, in their order. */
export async function preflightBlueprint(
  pulumi: Pulumi,
  loaded: LoadedBlueprint,
  interrupt: Interrupt,
): Promise<BlueprintReport> {
  const { plan } = loaded;
  const there = await stacksOf(pulumi, plan.steps);
  const checks = [
    { what: "the engine answers", status: "ok" as const },
    await evidenceCheck(),
    ...lockChecks(plan.ref, plan.env),
  ];
  const steps: StepReport[] = [];
  for (const step of plan.steps) {
    if (interrupt.came) break;
    const { id, project, stack } = step;
    const waits = [...needsOf(plan.steps, id)].filter((need) => {
      const other = plan.steps.find((one) => one.id === need);
      return other && !isDeployed(there, other);
    });
    const found = await progress(`${id} (${project}/${stack})`, () =>
      stepChecks(pulumi, step, { env: plan.env, there, waits, interrupt }),
    );
    steps.push({ id, project, stack, status: statusOf(found), checks: found });
  }
  return { checks, steps };
}

function statusOf(checks: readonly Check[]): StepReport["status"] {
  if (checks.some(({ status }) => status === "failed" || status === "skipped")) return "blocked";
  return checks.some(({ status }) => status === "deferred") ? "deferred" : "ready";
}

async function stepChecks(
  pulumi: Pulumi,
  step: PlannedStep,
  look: { env: string; there: StacksThere; waits: readonly string[]; interrupt: Interrupt },
): Promise<Check[]> {
  const { there, waits } = look;
  const { project, stack } = step;
  const isThere = there.has(`${project}/${stack}`);
  const checks = [...secretChecks(step, isThere), ...configurationChecks(step)];
  const later = (found: string): Check => ({ what: "a preview succeeds", status: "deferred", found });
  if (!isThere) return [...checks, later("its stack is not there yet; deploy makes it")];
  if (waits.length > 0) return [...checks, later(`${waits.join(", ")}, which it needs, is not deployed yet`)];
  if (checks.some(({ status }) => status === "failed")) return checks;
  const directory = mkdtempSync(join(tmpdir(), "holdfast-preflight-"));
  try {
    const file = join(directory, "stack.yaml");
    writeStackFile(step, step.config, file);
    const configured = pulumi.withConfig(step, file);
    const own = await ownChecks(configured, { project, stack });
    checks.push(...(own?.required ?? []), ...(own?.optional ?? []).map(onlyWarns));
    const preview = await previewCheck(configured, step, join(directory, "log"), look);
    return [...checks, preview];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function secretChecks(step: PlannedStep, isThere: boolean): Check[] {
  const lacking = lackingSecrets(step);
  if (lacking.length === 0) return [{ what: "the stack has its secrets", status: "ok" }];
  const before = isThere ? "" : `pulumi stack init ${step.stack}, in ${projectFolderText(step.project)}; then `;
  return lacking.map((key) => {
    const fix = `${before}${secretCommand(step, key)}`;
    return { what: `secret ${key} is there`, status: "failed", found: "is not there", fix };
  });
}

function configurationChecks(step: PlannedStep): Check[] {
  const { project, stack } = step;
  const shape = shapes[project];
  const what = "the configuration can be used";
  if (!shape) return [];
  const problems = mergedProblems(step);
  if (problems.length === 0) return [{ what, status: "ok" }];
  return problems.map(({ key, reason }) => {
    const own = Object.hasOwn(step.config, key.split(".")[0] ?? key) || Object.hasOwn(step.config, key);
    const fix = own ? `edit steps.${step.id}.config in the blueprint` : mend(key, { project, stack, shape });
    return { what: `${project}:${key} can be used`, status: "failed", found: reason, fix };
  });
}

async function previewCheck(
  pulumi: Pulumi,
  step: PlannedStep,
  log: string,
  { env, interrupt }: { env: string; interrupt: Interrupt },
): Promise<Check> {
  const what = "a preview succeeds";
  const hidden = secretValues(pulumi, step);
  const operation = { place: step, step: step.id, args: ["preview"], env, log };
  const { code, text, late } = await runPulumi(pulumi, operation, interrupt);
  const clean = redact(text, [...(await hidden), ...secretsOfEnvironment()]);
  if (code === 0) return { what, status: "ok", found: changesIn(clean) ?? "nothing to change" };
  if (interrupt.came) return { what, status: "skipped", found: "interrupted" };
  const fix = `pulumi preview --stack ${step.stack}, in ${projectFolderText(step.project)}`;
  return { what, status: "failed", found: late ?? failureIn(clean), fix };
}

function lockChecks(ref: string, env: string): Check[] {
  const holder = holderOf(ref, env);
  if (!holder || !isAtWork(holder)) return [];
  const { owner, host, verb, began } = holder;
  const found = `${verb} by ${owner} on ${host} since ${began}`;
  return [{ what: "nobody is at work on it", status: "warning", found }];
}
