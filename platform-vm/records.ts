/**
 * Keeps the VMs' records in NetBox, of a pool whose addresses are reserved there: as they were made, not as they were planned.
 */

import { componentName } from "../components/pool/state-names.ts";
import { parseOwnerMark } from "../lib/owner-mark.ts";
import { virtualMachineRecordKind } from "../resources/netbox/virtual-machine-record.ts";
import { type HoldfastProvider, Resource } from "../resources/sdk.ts";
import type { PoolPlan } from "./plan.ts";
import type { ProvisionedVm } from "./provisioned.ts";

/** Type of the cluster in NetBox, by placement. */
const clusterTypes = { proxmox: "Proxmox VE", libvirt: "libvirt" } as const;

/** One record for each VM. */
export function recordVms(plan: PoolPlan, vms: readonly ProvisionedVm[], holdfast: HoldfastProvider): void {
  const { ipam, owner, placement } = plan;
  if (!ipam) return;
  const site = parseOwnerMark(owner)?.site ?? "";
  const planned = new Map(plan.vms.map((vm) => [vm.key, vm]));
  for (const { key, name, vmId, hardware } of vms) {
    const { role = "", tags = [], onBoot: startOnBoot = false } = planned.get(key) ?? {};
    new Resource(
      virtualMachineRecordKind,
      `${componentName(key)}-record`,
      {
        ...{ owner, key, name, role, tags, startOnBoot, ...hardware },
        externalId: vmId.apply((id) => `${placement}:${site}:${id}`),
        cluster: { name: ipam.cluster, type: clusterTypes[placement] },
      },
      { provider: holdfast },
    );
  }
}
