/**
 * What happens to the record of a VM that is destroyed: it is retired, or deleted where that was asked for. Whatever is not
 * ours by then is left alone.
 */
import { externalIdField, managedTag, staleTag } from "../../lib/netbox/names.ts";
import type { RecordInputs } from "../../resources/netbox/virtual-machine-record.ts";
import type { Changes } from "./change.ts";
import { tagSlugs } from "./places.ts";
import { freeAddresses } from "./vm-addresses.ts";
import { addressesOf, externalIdOf, isRetired, type MachineRow, machineRow, machinesPath, ownerOf } from "./vm-rows.ts";
import type { SyncResult } from "./vm-sync-rows.ts";

/**
 * Variable that, exactly `true` in the environment of a destroy, has records deleted. No input: a destroy does not run the
 * program, and what the last update recorded is not what the operator asks for now.
 */
export const hardDeleteVariable = "HYOPS_NETBOX_SYNC_DESTROY_HARD_DELETE";

/** The record as the state has it. */
type Recorded = RecordInputs & { recordId: number };

/**
 * Retires the record: offline, with the stale tag, its addresses kept. With the variable its addresses are taken off it and
 * reserved again, and it is deleted; NetBox would delete them with it.
 * @param warn told when nothing was done, or not what was asked for.
 */
export async function retire(changes: Changes, recorded: Recorded, warn: (text: string) => void): Promise<SyncResult> {
  const { recordId, name } = recorded;
  const { api } = changes;
  const row = await api.find(`${machinesPath}${recordId}/`, machineRow);
  if (!row) {
    warn(`record ${recordId} of ${name} is gone from NetBox at ${api.url} already: nothing to do`);
    return { result: "not_found", recordId, addresses: [] };
  }
  const reason = notOurs(row, recorded);
  if (reason) return leftAlone(recorded, reason, warn);
  if (process.env[hardDeleteVariable] === "true" && (await deleted(changes, recorded, warn)))
    return { result: "deleted", recordId, addresses: [] };
  return offline(changes, recorded, row, warn);
}

/** Why a record must not be touched; undefined where it may. A name of its own tells that it was given to another VM. */
function notOurs(row: MachineRow, { owner, name, externalId }: Recorded): string | undefined {
  if (ownerOf(row) === "") return "has no owner mark any more";
  if (ownerOf(row) !== owner) return `belongs to ${ownerOf(row)} now`;
  if (row.name.toLowerCase() === name.toLowerCase()) return undefined;
  return `is called ${row.name} now, with external id ${externalIdOf(row) || "none"} and not ${externalId}`;
}

function leftAlone({ recordId, name }: Recorded, reason: string, warn: (text: string) => void): SyncResult {
  warn(`record ${recordId} of ${name} in NetBox ${reason}: nothing of it was changed`);
  return { result: "unchanged", recordId, addresses: [] };
}

/** The VM's id is free again, and its hypervisor gives it to another VM: it goes off the record, which is found by its name. */
async function offline(
  changes: Changes,
  recorded: Recorded,
  seen: MachineRow,
  warn: (text: string) => void,
): Promise<SyncResult> {
  const { recordId } = recorded;
  await tagSlugs(changes.api, [], [managedTag, staleTag]);
  let reason: string | undefined;
  const retired = (row: MachineRow) => {
    reason = notOurs(row, recorded);
    if (reason || (row.status.value === "offline" && isRetired(row) && externalIdOf(row) === "")) return undefined;
    return {
      status: "offline",
      add_tags: [{ slug: staleTag.slug }],
      custom_fields: { [externalIdField]: null },
    };
  };
  await changes.changed(`${machinesPath}${recordId}/`, machineRow, retired, seen);
  if (reason) return leftAlone(recorded, reason, warn);
  const addresses = (await addressesOf(changes.api, recordId)).map(({ address }) => address);
  return { result: "retired", recordId, addresses };
}

/** Whether the record is deleted. One with addresses of other people is not: they would go with it. */
async function deleted(changes: Changes, recorded: Recorded, warn: (text: string) => void): Promise<boolean> {
  const { recordId, name, owner } = recorded;
  const foreign = await freeAddresses(changes, recordId, [owner]);
  if (foreign.length > 0) {
    const list = foreign.map(({ address, id }) => `${address} (id ${id})`).join(", ");
    warn(
      `record ${recordId} of ${name} in NetBox is retired, not deleted: ${list} on it is not ours, and would be deleted with it; take it off, and delete the record there`,
    );
    return false;
  }
  await changes.removed(`${machinesPath}${recordId}/`, machineRow, (row) => {
    const reason = notOurs(row, recorded);
    if (reason) throw new Error(`record ${recordId} in NetBox ${reason}, since just now: it is not deleted`);
  });
  return true;
}
