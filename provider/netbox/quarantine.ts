/**
 * Addresses that were given back: kept out of use until neighbours have forgotten who had them, then deleted by the next
 * allocation (docs/decisions/0015). A quarantine is a record like any other: `deprecated`, with the time of its release.
 */
import { z } from "zod";
import type { NetboxApi } from "../../lib/netbox/api.ts";
import { NetboxError } from "../../lib/netbox/errors.ts";
import { type IpPool, inPool, inSubnet } from "../../lib/netbox/ip-pool.ts";
import { identityField, ownerField, releaseAfterField } from "../../lib/netbox/names.ts";
import { describe, type IpAddress, ipAddress, ipAddresses, pathOf, releaseTime } from "./ip-address.ts";

const none = z.undefined();
const machine = z.object({
  id: z.number(),
  name: z.string(),
  primary_ip4: z.object({ id: z.number() }).nullable(),
  custom_fields: z.object({ [ownerField]: z.string().nullish() }),
});

/**
 * Deletes the pool's addresses whose quarantine is over.
 * @param now milliseconds since 1970.
 * @returns how many it deleted.
 */
export async function sweep(api: NetboxApi, pool: IpPool, vrf: number | null, now = Date.now()): Promise<number> {
  const query = { parent: pool.subnet, status: "deprecated" };
  const rows = await api.list(ipAddresses, ipAddress, query, ({ address }) => inSubnet(pool, address));
  const over = rows.filter((row) => inPool(pool, row.address) && (row.vrf?.id ?? null) === vrf && isOver(row, now));
  let deleted = 0;
  // An identity that takes its address back at this moment changes the record, and NetBox refuses to delete that one.
  for (const row of over) {
    const gone = api.send("DELETE", pathOf(row), none, undefined, row.last_updated);
    deleted += await gone.then(() => 1, changedMeanwhile);
  }
  return deleted;
}

/** Whether an address of ours was released and its time has come. One that somebody deprecated by hand has no such time. */
export function isOver(row: IpAddress, now: number): boolean {
  const after = releaseTime(row);
  return after !== undefined && after <= now && !row.assigned_object && Boolean(row.custom_fields[identityField]);
}

function changedMeanwhile(error: unknown): number {
  if (error instanceof NetboxError && (error.status === 412 || error.missing)) return 0;
  throw error;
}

/**
 * Puts an address into quarantine, off the card that had it.
 * @param owner mark of the stack; a VM's record of another one is not touched.
 * @param after when it may be given out again.
 * @throws Error when it is the primary address of somebody else's VM.
 */
export async function quarantine(api: NetboxApi, row: IpAddress, owner: string, after: Date): Promise<void> {
  const isAssigned = row.assigned_object_type !== null;
  if (isAssigned) await giveUpPrimary(api, row, owner);
  const release = { status: "deprecated", custom_fields: { [releaseAfterField]: after.toISOString() } };
  const unassigned = isAssigned ? { assigned_object_type: null, assigned_object_id: null } : {};
  // Not if another stack has just taken it over.
  await api.send("PATCH", pathOf(row), ipAddress, { ...release, ...unassigned }, row.last_updated);
}

/** NetBox takes no address off a VM whose primary one it is. */
async function giveUpPrimary(api: NetboxApi, row: IpAddress, owner: string): Promise<void> {
  const whose = row.assigned_object?.virtual_machine;
  const path = `/virtualization/virtual-machines/${whose?.id}/`;
  const vm = whose ? await api.find(path, machine) : undefined;
  if (vm && vm.custom_fields[ownerField] === owner) {
    if (vm.primary_ip4?.id === row.id) await api.send("PATCH", path, machine, { primary_ip4: null });
    return;
  }
  const what = whose
    ? `VM ${whose.name} (record ${whose.id}${vm?.custom_fields[ownerField] ? ` of ${vm.custom_fields[ownerField]}` : ""})`
    : `a ${row.assigned_object_type}`;
  throw new Error(
    `NetBox at ${api.url} has ${describe(row)} on ${what}, which is not ${owner}'s and is not touched; take the address off it there, then run this again`,
  );
}
