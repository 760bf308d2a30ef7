/**
 * Deploys a blueprint: each step's stack gets its configuration, then `pulumi up`. It stops at the first failure, and the next
 * deploy goes on from there: a step that was green is skipped where it may be and a preview finds nothing to change.
 */
import { createHash } from "node:crypto";
import type { Pulumi } from "../pulumi.ts";
import type { Interrupt } from "./engine.ts";
import type { LoadedBlueprint } from "./load.ts";
import { needsOf, type PlannedStep } from "./plan.ts";
import { type BlueprintRecord, readRecord } from "./record.ts";
import { type Decision, decide } from "./resume.ts";
import { BlueprintRun, type RunResult, type StepEnd } from "./run.ts";
import { differingKeys, readStackFile, writeStackFile } from "./stack-file.ts";
import { isDeployed, prepareStacks, type StacksThere, stacksOf } from "./stacks.ts";

/** What a deploy would do with a step. */
export interface StepPlan extends Decision {
  step: PlannedStep;
  /** Keys of the stack's configuration that it would write. */
  writes: string[];
  isNew: boolean;
}

/** What a deploy would do, without a change. */
export async function planDeploy(pulumi: Pulumi, { plan }: LoadedBlueprint): Promise<StepPlan[]> {
  const there = await stacksOf(pulumi, plan.steps);
  const record = readRecord(plan.ref, plan.env);
  return plan.steps.map((step) => ({
    ...decisionOn(step, plan.steps, record, there, new Set()),
    step,
    writes: differingKeys(readStackFile(step), step.config),
    isNew: !there.has(`${step.project}/${step.stack}`),
  }));
}

/** Deploys. @throws Failure when it does not begin: somebody is at work, or the stacks lack something. */
export async function deploy(pulumi: Pulumi, loaded: LoadedBlueprint, interrupt: Interrupt): Promise<RunResult> {
  const { steps } = loaded.plan;
  const run = await BlueprintRun.take(pulumi, loaded, "deploy", interrupt);
  try {
    const there = await stacksOf(pulumi, steps);
    await prepareStacks(pulumi, steps, there);
    const ran = new Set<string>();
    return await run.go(steps, (step) => deployStep(run, step, decisionOn(step, steps, run.record, there, ran), ran));
  } finally {
    run.release();
  }
}

async function deployStep(
  run: BlueprintRun,
  step: PlannedStep,
  { action, reason }: Decision,
  ran: Set<string>,
): Promise<StepEnd> {
  if (action === "skip") return { outcome: "skipped", reason };
  if (action === "verify" && (await isClean(run, step))) {
    return { outcome: "skipped", reason: `${reason}, and a preview finds nothing to change` };
  }
  if (run.interrupt.came) return { outcome: "cancelled", reason: "interrupted" };
  if (step.action === "plan") return planOnly(run, step, reason);
  ran.add(step.id);
  run.note(step, {});
  run.configured(writeStackFile(step, step.config));
  const forced = step.force_run ? run.id : undefined;
  const ended = await run.engine(step, "up", ["up", "--yes", "--skip-preview"], forced);
  if (ended.code === 0) run.note(step, { digest: digestOf(step) });
  return run.endOf(ended, action === "verify" ? `${reason}, but a preview finds changes` : reason);
}

async function isClean(run: BlueprintRun, step: PlannedStep): Promise<boolean> {
  return (await run.engine(step, "verify", ["preview", "--expect-no-changes"])).code === 0;
}

async function planOnly(run: BlueprintRun, step: PlannedStep, reason: string): Promise<StepEnd> {
  run.note(step, {});
  run.configured(writeStackFile(step, step.config));
  return run.endOf(await run.engine(step, "preview", ["preview"]), reason);
}

function decisionOn(
  step: PlannedStep,
  steps: readonly PlannedStep[],
  { steps: records }: BlueprintRecord,
  there: StacksThere,
  ran: ReadonlySet<string>,
): Decision {
  const record = records[step.id];
  // The record of a stack of another name says nothing of this one.
  const own = record?.project === step.project && record.stack === step.stack ? record : undefined;
  return decide(step, digestOf(step), {
    status: own?.status,
    digest: own?.digest,
    configDiffers: differingKeys(readStackFile(step), step.config).length > 0,
    deployed: isDeployed(there, step),
    ranBefore: [...needsOf(steps, step.id)].filter((id) => ran.has(id)),
  });
}

/** Digest of what a step is given. */
function digestOf({ config }: PlannedStep): string {
  return createHash("sha256")
    .update(JSON.stringify(sorted(config)))
    .digest("hex");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => [key, sorted(item)]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
