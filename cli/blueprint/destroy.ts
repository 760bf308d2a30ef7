/**
 * Destroys what a blueprint deployed, the last step first. Stacks that are to be retained stay as they are.
 */

import type { Pulumi } from "../pulumi.ts";
import type { Interrupt } from "./engine.ts";
import type { LoadedBlueprint } from "./load.ts";
import type { PlannedStep } from "./plan.ts";
import { BlueprintRun, type RunResult, type StepEnd } from "./run.ts";
import { isDeployed, type StacksThere, stacksOf } from "./stacks.ts";

/** What a destroy would do with a step. */
export interface DestroyPlan {
  step: PlannedStep;
  action: "destroy" | "retain" | "none";
}

/** What a destroy would do, in its order, without a change. */
export async function planDestroy(pulumi: Pulumi, { plan }: LoadedBlueprint): Promise<DestroyPlan[]> {
  const there = await stacksOf(pulumi, plan.steps);
  return plan.steps.toReversed().map((step) => ({ step, action: actionOn(step, there) }));
}

/** Destroys. @throws Failure when it does not begin: somebody is at work. */
export async function destroy(pulumi: Pulumi, loaded: LoadedBlueprint, interrupt: Interrupt): Promise<RunResult> {
  const { steps } = loaded.plan;
  const run = await BlueprintRun.take(pulumi, loaded, "destroy", interrupt);
  try {
    const there = await stacksOf(pulumi, steps);
    return await run.go(steps.toReversed(), (step) => destroyStep(run, step, actionOn(step, there)));
  } finally {
    run.release();
  }
}

async function destroyStep(run: BlueprintRun, step: PlannedStep, action: DestroyPlan["action"]): Promise<StepEnd> {
  if (action === "retain") return { outcome: "retained", reason: "retain_on_destroy" };
  if (action === "none") return { outcome: "skipped", reason: "there is nothing of it" };
  run.note(step, {});
  return run.endOf(await run.engine(step, "destroy", ["destroy", "--yes", "--skip-preview"]), "destroyed");
}

function actionOn(step: PlannedStep, there: StacksThere): DestroyPlan["action"] {
  if (step.retain_on_destroy) return "retain";
  return step.action === "deploy" && isDeployed(there, step) ? "destroy" : "none";
}
