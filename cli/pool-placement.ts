/**
 * What a pool needs of the place where its VMs stand: of a cluster, or of one libvirt host. Looked at without a change.
 */
import type { Check } from "../lib/preflight/check.ts";
import { recordedIn } from "../lib/preflight/recorded.ts";
import type { LibvirtPlan } from "../platform-vm/plan.ts";
import { planPreflight } from "../platform-vm/preflight-libvirt.ts";
import { preflightChecks } from "../provider/host/preflight.ts";
import { clusterChecks } from "./pool-cluster.ts";
import type { PoolStack } from "./pool-stack.ts";
import type { StateResource } from "./stack.ts";

/** Bound on all questions to a host and its workstation together, in milliseconds; each has a shorter one of its own. */
const boundMs = 60_000;

/**
 * Looks. Never throws: what cannot be looked at is a check too.
 * @param forRebuild whether the VMs that stand are about to be destroyed.
 */
export async function placementChecks(
  { place, resources, deployed, pool }: PoolStack,
  forRebuild = false,
): Promise<Check[]> {
  if (pool?.plan.placement === "libvirt") return hostChecks(pool.plan, resources, forRebuild);
  return clusterChecks({ place, deployed, pool });
}

async function hostChecks(
  plan: LibvirtPlan,
  resources: readonly StateResource[],
  forRebuild: boolean,
): Promise<Check[]> {
  const wanted = planPreflight(plan, recordedIn(resources));
  return (await preflightChecks(wanted, { signal: AbortSignal.timeout(boundMs), forRebuild })).checks;
}
