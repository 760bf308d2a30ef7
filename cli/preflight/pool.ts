/**
 * What the preflight of a stack of platform-vm looks at: its plan, what it depends on, and the ways to its VMs.
 */

import type { Check } from "../../lib/preflight/check.ts";
import type { Looks } from "../../lib/project.ts";
import { deployedMachines, hostKeysIn } from "../machines.ts";
import { netboxChecks } from "../pool/netbox.ts";
import { placementChecks } from "../pool/placement.ts";
import { type PoolStack, readPoolStack } from "../pool/stack.ts";
import type { Pulumi, StackPlace } from "../pulumi.ts";
import { accessChecks } from "./access.ts";
import { environmentCheck, publicKeyCheck } from "./workstation.ts";

/** Looks. @throws Failure when Pulumi does not give the stack. */
export async function poolLooks(
  pulumi: Pulumi,
  place: StackPlace,
): Promise<Looks<"plan" | "rebuild-only" | "public-key" | "placement" | "netbox" | "ssh-routes" | "environment">> {
  const stack = await readPoolStack(pulumi, place);
  const [placement, netbox, access] = await Promise.all([placementChecks(stack), netboxChecks(stack), accessOf(stack)]);
  // Without keys of its own a pool puts the operator's onto its VMs, and cannot be planned to the end without one.
  const needsKey = stack.pool !== undefined && stack.pool.config.ssh_keys.length === 0;
  const env = stack.pool && (stack.pool.config.env ?? stack.pool.siteEnv);
  return {
    plan: stack.checks,
    "rebuild-only": stack.lost,
    "public-key": needsKey ? [publicKeyCheck()] : [],
    placement,
    netbox,
    "ssh-routes": access,
    environment: [environmentCheck(process.env.HYOPS_ENV ?? "", env)],
  };
}

async function accessOf({ place, resources, pool }: PoolStack): Promise<Check[]> {
  const what = "the ways to the VMs, and the VMs that stand, answer over SSH";
  if (!pool) return [{ what, status: "skipped", found: "not looked at: the configuration cannot be used" }];
  if (!pool.plan.readiness.enabled) return [];
  return accessChecks(`${place.project}/${place.stack}`, pool.plan, deployedMachines(resources), hostKeysIn(resources));
}
