/**
 * Addresses of a VM's record: assigned to its cards, active, the first one primary; and taken off again, so that the
 * reservation stays. Only addresses with our owner mark are changed.
 */
import type { Changes } from "./change.ts";
import {
  type AddressRow,
  addressesOf,
  addressesPath,
  addressRow,
  interfaceType,
  type MachineRow,
  machineRow,
  machinesPath,
  ownerOf,
} from "./vm-rows.ts";

/** An address and the card that it belongs on, by their ids. */
export interface Placed {
  addressId: number;
  cardId: number;
}

/** Whose records may be changed. */
type Owners = readonly string[];

/**
 * Puts addresses on the VM's cards, and makes the first one primary. Those of ours that are no longer wanted on this VM are
 * reserved again.
 * @param now the VM, and what its cards have, as just read.
 * @returns the addresses in the order of `placed`, with prefix length; and what is on the cards beside them.
 * @throws Error for an address that is not ours, or that another VM has.
 */
export async function keepAddresses(
  changes: Changes,
  { machine, addresses }: { machine: MachineRow; addresses: readonly AddressRow[] },
  placed: readonly Placed[],
  owners: Owners,
): Promise<{ kept: string[]; others: AddressRow[] }> {
  const { id } = machine;
  const kept: string[] = [];
  for (const one of placed) {
    const known = addresses.find((row) => row.id === one.addressId);
    kept.push(await place(changes, id, one, owners, known));
  }
  const others = addresses.filter((row) => !placed.some(({ addressId }) => addressId === row.id));
  const spare = others.filter((row) => owners.includes(ownerOf(row)));
  const primary = placed[0]?.addressId;
  if (spare.length > 0 || (primary !== undefined && machine.primary_ip4?.id !== primary))
    await keepPrimary(changes, machine, primary, spare, owners);
  for (const row of spare) await takeOff(changes, row.id, owners);
  return { kept, others: others.filter((row) => !spare.includes(row)) };
}

/**
 * Takes every address of ours off the VM.
 * @returns those that stay on it, since they are not ours.
 */
export async function freeAddresses(changes: Changes, id: number, owners: Owners): Promise<AddressRow[]> {
  const there = await addressesOf(changes.api, id);
  const foreign = there.filter((row) => !owners.includes(ownerOf(row)));
  if (foreign.length > 0) return foreign;
  await keepPrimary(changes, { id }, undefined, there, owners);
  for (const row of there) await takeOff(changes, row.id, owners);
  return [];
}

/** @param known the address as it was read among those of the VM's cards. */
async function place(changes: Changes, id: number, at: Placed, owners: Owners, known?: AddressRow): Promise<string> {
  const { addressId, cardId } = at;
  let elsewhere: AddressRow | undefined;
  const wanted = (row: AddressRow) => {
    refuseForeign(changes, row, owners);
    if (row.status.value === "deprecated") {
      throw new Error(
        `address ${row.address} (id ${row.id}) in NetBox at ${changes.api.url} is in quarantine, no VM may have it; pulumi up --refresh reserves it anew`,
      );
    }
    const on = row.assigned_object_type === interfaceType && row.assigned_object_id === cardId;
    const other = row.assigned_object_type !== null && row.assigned_object?.virtual_machine?.id !== id;
    elsewhere = other ? row : undefined;
    if (other || (on && row.status.value === "active")) return undefined;
    return { status: "active", assigned_object_type: interfaceType, assigned_object_id: cardId };
  };
  const placed = await changes.changed(`${addressesPath}${addressId}/`, addressRow, wanted, known);
  if (!placed) {
    throw new Error(
      `NetBox at ${changes.api.url} has no address with the id ${addressId} any more; pulumi up --refresh reserves it anew`,
    );
  }
  if (!elsewhere) return placed.address;
  await takeFromOther(changes, elsewhere, owners);
  return place(changes, id, at, owners);
}

/** An address that another record of ours still has, for example a retired one from another cluster, comes off there. */
async function takeFromOther(changes: Changes, row: AddressRow, owners: Owners): Promise<void> {
  const other = row.assigned_object?.virtual_machine;
  if (!other)
    throw new Error(
      `${standsOn(changes, row)} something that is no VM (${row.assigned_object_type}); take it off there`,
    );
  await changes.changed(`${machinesPath}${other.id}/`, machineRow, (machine) => {
    if (!owners.includes(ownerOf(machine))) {
      const owner = ownerOf(machine) === "" ? "no owner mark" : `owner ${ownerOf(machine)}`;
      throw new Error(
        `${standsOn(changes, row)} the VM \`${machine.name}\` (id ${machine.id}, ${owner}), which is not ours; take it off there`,
      );
    }
    return machine.primary_ip4?.id === row.id ? { primary_ip4: null } : undefined;
  });
  await takeOff(changes, row.id, owners);
}

function standsOn({ api }: Changes, { address, id }: AddressRow): string {
  return `address ${address} (id ${id}) in NetBox at ${api.url} is ours, but stands on`;
}

function refuseForeign({ api }: Changes, row: AddressRow, owners: Owners): void {
  if (owners.includes(ownerOf(row))) return;
  const owner = ownerOf(row) === "" ? "has no owner mark" : `belongs to ${ownerOf(row)}`;
  throw new Error(
    `address ${row.address} (id ${row.id}) in NetBox at ${api.url} ${owner}, not to ${owners[0]}: it is not assigned to a VM; holdfast netbox audit shows who holds what`,
  );
}

/**
 * @param machine the VM's record; with nothing but its id it is read first.
 * @param spare what is about to be taken off: it cannot be primary any more.
 */
async function keepPrimary(
  changes: Changes,
  machine: MachineRow | { id: number },
  wanted: number | undefined,
  spare: readonly AddressRow[],
  owners: Owners,
): Promise<void> {
  const { id } = machine;
  const primary = (row: MachineRow) => {
    if (!owners.includes(ownerOf(row)))
      throw new Error(`record ${id} in NetBox lost our owner mark just now; nothing more is changed`);
    const now = row.primary_ip4?.id;
    if (wanted !== undefined) return now === wanted ? undefined : { primary_ip4: wanted };
    return spare.some((address) => address.id === now) ? { primary_ip4: null } : undefined;
  };
  await changes.changed(`${machinesPath}${id}/`, machineRow, primary, "last_updated" in machine ? machine : undefined);
}

/** The reservation stays, as it was before there was a VM. */
async function takeOff(changes: Changes, id: number, owners: Owners): Promise<void> {
  await changes.changed(`${addressesPath}${id}/`, addressRow, (row) => {
    refuseForeign(changes, row, owners);
    const status = row.status.value === "active" ? { status: "reserved" } : {};
    return row.assigned_object_type === null
      ? undefined
      : { ...status, assigned_object_type: null, assigned_object_id: null };
  });
}
