/**
 * What a pool needs of the place where its VMs stand: what is looked at by code of the plugin, for each placement. Looked at
 * without a change.
 */
import type { Check } from "../../lib/preflight/check.ts";
import { type ListedPlacement, placementOf } from "../../platform-vm/placements/index.ts";
import { preflightChecks } from "../../provider/host/preflight.ts";
import { clusterChecks } from "./cluster.ts";
import type { PoolStack, PoolToLookAt } from "./stack.ts";

/** Bound on all questions to a host and its workstation together, in milliseconds; each has a shorter one of its own. */
const boundMs = 60_000;

/** How a placement is looked at. */
interface PlacementLook<Name extends ListedPlacement> {
  /**
   * Never throws: what cannot be looked at is a check too.
   * @param forRebuild whether the VMs that stand are about to be destroyed.
   */
  checks(pool: PoolToLookAt<Name>, forRebuild: boolean): Promise<Check[]>;
}

const looks: { readonly [Name in ListedPlacement]: PlacementLook<Name> } = {
  proxmox: { checks: clusterChecks },
  libvirt: {
    checks: async ({ wanted }, forRebuild) =>
      (await preflightChecks(wanted, { signal: AbortSignal.timeout(boundMs), forRebuild })).checks,
  },
};

/**
 * Looks. Never throws: what cannot be looked at is a check too.
 * @param forRebuild whether the VMs that stand are about to be destroyed.
 */
export async function placementChecks({ pool }: Pick<PoolStack, "pool">, forRebuild = false): Promise<Check[]> {
  if (!pool?.vms) {
    const what = "the cluster has what the pool needs";
    return [{ what, status: "skipped", found: "not looked at: what the pool needs is not known" }];
  }
  const { config, plan, vms, context } = pool;
  const wanted = placementOf(plan).preflight(plan, vms, context);
  const look: PlacementLook<ListedPlacement> = looks[plan.placement];
  return look.checks({ config, plan, vms, wanted }, forRebuild);
}
