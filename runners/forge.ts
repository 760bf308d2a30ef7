/**
 * Where the forge of a runner stack is: as configured, or found by asking. A forge that is not found is one more line of
 * the preflight instead of the end of it.
 */
import { findForge } from "../lib/forge/url.ts";
import type { RunnerPlan } from "./plan.ts";

/** The forge's URL, or why there is none. */
export type FoundForge = { url: string } | { problem: string };

/** Never throws. */
export async function locateForge(forge: RunnerPlan["forge"]): Promise<FoundForge> {
  if ("url" in forge) return forge;
  return findForge(forge.address).then(
    (url) => ({ url }),
    (error: Error) => ({ problem: error.message }),
  );
}
