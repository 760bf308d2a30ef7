/**
 * The changes of a pool that are refused, by what stands. One place for the program and for `holdfast preflight`. Pure.
 */
import type { DeployedVm } from "./deployed.ts";
import { type PoolPlan, placementOf } from "./placements/index.ts";
import { noVmMoves, type Refusals, type Refused } from "./refused.ts";

/** @param stack name of the stack, for the command that makes the VMs anew. */
export function refusals(deployed: readonly DeployedVm[], plan: PoolPlan, stack: string): Refusals {
  const { always, rebuildOnly } = placementOf(plan).refuse(deployed, plan, stack);
  return { always: [...otherPlacements(deployed, plan), ...always], rebuildOnly };
}

/** VMs that stand on another placement: none moves. */
export function otherPlacements(deployed: readonly DeployedVm[], plan: Pick<PoolPlan, "placement">): Refused[] {
  const others = deployed.filter(({ placement }) => placement !== plan.placement);
  const [first] = others;
  if (!first) return [];
  const keys = others.map(({ key }) => key).join(", ");
  return [{ key: "placement", reason: `is ${plan.placement}, and ${keys} stand on ${first.placement}. ${noVmMoves}` }];
}
