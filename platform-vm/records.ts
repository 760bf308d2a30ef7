/**
 * Keeps the VMs' records in NetBox, of a pool whose addresses are reserved there: as they were made, not as they were planned.
 */

import { componentName } from "../components/pool/state-names.ts";
import { parseOwnerMark } from "../lib/owner-mark.ts";
import { virtualMachineRecordKind } from "../resources/netbox/virtual-machine-record.ts";
import { Resource } from "../resources/sdk.ts";
import { type PoolPlan, placementOf } from "./placements/index.ts";
import type { ProvisionedPool } from "./provisioned.ts";

/** One record for each VM. */
export function recordVms(plan: PoolPlan, { vms, holdfast }: ProvisionedPool): void {
  const { ipam, owner, placement } = plan;
  if (!ipam) return;
  const site = parseOwnerMark(owner)?.site ?? "";
  const cluster = { name: ipam.cluster, type: placementOf(plan).title };
  for (const { planned, vmId, hardware } of vms) {
    const { key, name, role, tags, onBoot: startOnBoot } = planned;
    new Resource(
      virtualMachineRecordKind,
      `${componentName(key)}-record`,
      {
        ...{ owner, key, name, role, tags, startOnBoot, ...hardware },
        externalId: vmId.apply((id) => `${placement}:${site}:${id}`),
        cluster,
      },
      { provider: holdfast },
    );
  }
}
