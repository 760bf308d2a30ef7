/**
 * Guards what stands: a run that would take VMs, or what is on their disks, away from people who use them ends before anything
 * is touched.
 */
import * as pulumi from "@pulumi/pulumi";
import { judgeVmSet } from "../components/pool/vm-set.ts";
import { ConfigError } from "../lib/config/strict.ts";
import { ProgramError } from "../lib/program-error.ts";
import type { PoolContext } from "./context.ts";
import type { PoolPlan } from "./placements/index.ts";
import { refusals } from "./refusals.ts";

/** @throws with everything that is refused; says what is allowed and worth knowing. */
export async function guardDeployed(plan: PoolPlan, { deployed, place }: PoolContext): Promise<void> {
  const verdict = judgeVmSet(
    `${place.project}/${place.stack}`,
    deployed.map(({ key }) => key),
    plan.vms.map(({ key }) => key),
    plan.permission,
  );
  if (!verdict.allowed) throw new ProgramError(verdict.message);
  if (verdict.warning) await pulumi.log.warn(verdict.warning);
  if (verdict.added.length > 0) await pulumi.log.info(`VMs that come to those that stand: ${verdict.added.join(", ")}`);
  const { always, rebuildOnly } = refusals(deployed, plan, place.stack);
  const refused = [...always, ...rebuildOnly];
  if (refused.length > 0) throw new ConfigError(place.project, place.stack, refused);
}
