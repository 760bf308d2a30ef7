/**
 * The changes of a pool that are refused, by what stands. One place for the program and for `holdfast preflight`. Pure.
 */
import type { DeployedVm } from "../components/pool/checkpoint.ts";
import { lostDisks, moves, otherMachines, otherUserData, type Refused, shrinks } from "../components/pool/disks.ts";
import type { PoolPlan } from "./plan.ts";

/** What is refused. */
export interface Refusals {
  /** Whatever is done: nothing but another value helps. */
  always: Refused[];
  /** An update would replace what stands by new, empty disks or VMs; a rebuild makes new ones on purpose. */
  rebuildOnly: Refused[];
}

/** @param stack name of the stack, for the command that makes the VMs anew. */
export function refusals(deployed: readonly DeployedVm[], plan: PoolPlan, stack: string): Refusals {
  const moved = moves(deployed, plan);
  if (plan.placement === "libvirt") return { always: moved, rebuildOnly: lostDisks(deployed, plan, stack) };
  return {
    always: [...moved, ...shrinks(deployed, plan.vms)],
    rebuildOnly: [
      ...otherMachines(deployed, plan.vms, stack),
      ...otherUserData(deployed, { vms: plan.vms, storage: plan.snippets?.storage }, stack),
    ],
  };
}
