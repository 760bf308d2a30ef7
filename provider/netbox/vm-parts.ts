/**
 * Cards, MAC addresses and disks of a VM's record. What was made here carries our tag; such a part is removed when it is no
 * longer wanted. Parts that people made by hand stay: where one has the name of a wanted part it is kept right, never removed.
 */
import { managedTag } from "../../lib/netbox/names.ts";
import type { Changes } from "./change.ts";
import {
  type AddressRow,
  type DiskRow,
  diskRow,
  disksOf,
  disksPath,
  type InterfaceRow,
  interfaceRow,
  interfacesOf,
  interfacesPath,
  interfaceType,
  macRow,
  macsPath,
  madeHere,
} from "./vm-rows.ts";

const mark = { tags: [{ slug: managedTag.slug }] };

/** A card as it is wanted. */
export interface NicPart {
  name: string;
  mac: string;
}

/** Makes the cards, each with its MAC address as the primary one. Gives their ids by name. */
export async function keepNics(
  changes: Changes,
  id: number,
  cards: readonly NicPart[],
  there: readonly InterfaceRow[],
): Promise<Record<string, number>> {
  const kept: Record<string, number> = {};
  for (const { name, mac } of cards) {
    const nic = there.find((row) => row.name === name) ?? (await makeNic(changes, id, name));
    await keepMac(changes, nic, mac.toUpperCase());
    kept[name] = nic.id;
  }
  return kept;
}

function makeNic(changes: Changes, id: number, name: string): Promise<InterfaceRow> {
  const find = async () => (await interfacesOf(changes.api, id)).find((row) => row.name === name);
  const body = { virtual_machine: id, name, enabled: true, ...mark };
  return changes.posted(interfacesPath, interfaceRow, find, body);
}

async function keepMac(changes: Changes, nic: InterfaceRow, mac: string): Promise<void> {
  if (nic.primary_mac_address?.mac_address === mac) return;
  const find = async () => (await macsOf(changes, nic.id)).find((row) => row.mac_address === mac);
  const body = { mac_address: mac, assigned_object_type: interfaceType, assigned_object_id: nic.id, ...mark };
  // NetBox takes the same MAC address twice: one whose answer was lost is looked for by the next update.
  const has = nic.mac_addresses.some((one) => one.mac_address === mac);
  const row = await (has
    ? changes.made(macsPath, macRow, find, body)
    : changes.posted(macsPath, macRow, find, body, false));
  const primary = ({ primary_mac_address }: InterfaceRow) =>
    primary_mac_address?.id === row.id ? undefined : { primary_mac_address: row.id };
  await changes.changed(`${interfacesPath}${nic.id}/`, interfaceRow, primary, nic);
}

function macsOf({ api }: Changes, nic: number) {
  const on = (row: { assigned_object_type: string | null; assigned_object_id: number | null }) =>
    row.assigned_object_type === interfaceType && row.assigned_object_id === nic;
  return api.list(macsPath, macRow, { vminterface_id: nic }, on);
}

/** Makes the disks; the record's own size is their sum, by NetBox itself. */
export async function keepDisks(
  changes: Changes,
  id: number,
  disks: readonly { name: string; sizeMb: number }[],
  there: readonly DiskRow[],
): Promise<void> {
  for (const { name, sizeMb } of disks) {
    const find = async () => (await disksOf(changes.api, id)).find((row) => row.name === name);
    const known = there.find((row) => row.name === name);
    const body = { virtual_machine: id, name, size: sizeMb, ...mark };
    const disk = known ?? (await changes.posted(disksPath, diskRow, find, body));
    if (disk.size === sizeMb) continue;
    const resized = ({ size }: DiskRow) => (size === sizeMb ? undefined : { size: sizeMb });
    await changes.changed(`${disksPath}${disk.id}/`, diskRow, resized, disk);
  }
  const wanted = new Set(disks.map(({ name }) => name));
  for (const { id } of there.filter((row) => madeHere(row) && !wanted.has(row.name)))
    await changes.removed(`${disksPath}${id}/`, diskRow, refuseHandMade);
}

/**
 * Removes MAC addresses and cards that were made here and are no longer wanted. A card takes with it what hangs on it: one with
 * something of other people's stays.
 * @param warn told what stays, and why.
 */
export async function removeOtherNics(
  changes: Changes,
  cards: readonly NicPart[],
  { id, interfaces, addresses }: { id: number; interfaces: readonly InterfaceRow[]; addresses: readonly AddressRow[] },
  warn: (text: string) => void,
): Promise<void> {
  const wanted = new Map(cards.map(({ name, mac }) => [name, mac.toUpperCase()]));
  for (const nic of interfaces) {
    const mac = wanted.get(nic.name);
    if (mac === undefined && !madeHere(nic)) continue;
    const isOther = (row: { mac_address: string }) => row.mac_address !== mac;
    const macs = nic.mac_addresses.some(isOther) ? (await macsOf(changes, nic.id)).filter(isOther) : [];
    if (mac !== undefined) {
      for (const row of macs.filter(madeHere)) await changes.removed(`${macsPath}${row.id}/`, macRow, refuseHandMade);
      continue;
    }
    const others = [
      ...addresses.filter((row) => row.assigned_object_id === nic.id).map(({ address }) => address),
      ...macs.filter((row) => !madeHere(row)).map(({ mac_address }) => mac_address),
    ];
    if (others.length === 0) await changes.removed(`${interfacesPath}${nic.id}/`, interfaceRow, refuseHandMade);
    else
      warn(
        `card ${nic.name} of record ${id} in NetBox is no longer the VM's, but stays: it has ${others.join(", ")}, made by others`,
      );
  }
}

/** Between reading and removing somebody may have taken the tag off. */
function refuseHandMade(row: Parameters<typeof madeHere>[0] & { id: number }): void {
  if (!madeHere(row)) throw new Error(`part ${row.id} in NetBox lost its tag ${managedTag.slug} just now; run again`);
}
