/**
 * Whether a step has to be run again: what its last run left behind, against what is asked for now. Pure.
 */
import type { PlannedStep } from "./plan.ts";

/** How a step stands in the record of a blueprint. */
export type StepStatus = "running" | "ok" | "error" | "interrupted" | "destroyed";

/** What is known of a step before it is run. */
export interface StepKnowledge {
  /** Of its last run; undefined where there was none. */
  status: StepStatus | undefined;
  /** Digest of the configuration that its last green run had. */
  digest: string | undefined;
  /** Whether the stack file says something else than the blueprint. */
  configDiffers: boolean;
  /** Whether the stack is there, with something in it. */
  deployed: boolean;
  /** Steps that it needs, directly or through others, that were run by this deploy. */
  ranBefore: readonly string[];
}

/** What to do with a step. `verify`: skip it when a preview finds nothing to change, else run it. */
export interface Decision {
  action: "run" | "verify" | "skip";
  reason: string;
}

/** Decides about one step of a deploy. */
export function decide(
  step: Pick<PlannedStep, "skip_if_state_ok" | "verify_state_on_skip" | "force_run" | "action">,
  digest: string,
  { status, digest: recorded, configDiffers, deployed, ranBefore }: StepKnowledge,
): Decision {
  const run = (reason: string): Decision => ({ action: "run", reason });
  if (step.action === "plan") return run("it is a plan, and changes nothing");
  if (status === undefined) return run("it was never run from here");
  if (status === "destroyed" || !deployed) return run("its stack is empty");
  if (status !== "ok") return run(status === "error" ? "its last run failed" : "its last run was cut off");
  if (step.force_run) return run("it is run by every deploy");
  if (!step.skip_if_state_ok) return run("it may not be skipped");
  if (configDiffers || digest !== recorded) return run("its configuration changed");
  if (step.verify_state_on_skip) return { action: "verify", reason: "its last run was green" };
  if (ranBefore.length > 0) return run(`${ranBefore.join(", ")} ran, which it needs`);
  return { action: "skip", reason: "its last run was green" };
}
