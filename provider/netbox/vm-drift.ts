/**
 * What differs between a VM's record in NetBox and what was recorded, in words. Pure but for `look`.
 */
import type { NetboxApi } from "../../lib/netbox/api.ts";
import { managedTag, staleTag } from "../../lib/netbox/names.ts";
import type { RecordInputs } from "../../resources/netbox/virtual-machine-record.ts";
import { slugOf } from "./places.ts";
import {
  type AddressRow,
  addressesOf,
  type DiskRow,
  disksOf,
  externalIdOf,
  hasTag,
  type InterfaceRow,
  interfacesOf,
  type MachineRow,
  machineRow,
  machinesPath,
  ownerOf,
  startOf,
} from "./vm-rows.ts";

/** A record with everything on it. */
export interface Seen {
  machine: MachineRow;
  interfaces: readonly InterfaceRow[];
  disks: readonly DiskRow[];
  addresses: readonly AddressRow[];
}

/** Reads a record; undefined where there is none. @throws NetboxError */
export async function look(api: NetboxApi, id: number): Promise<Seen | undefined> {
  const machine = await api.find(`${machinesPath}${id}/`, machineRow);
  if (!machine) return undefined;
  return { machine, ...(await partsOf(api, id)) };
}

/** What hangs on a VM's record. */
export type Parts = Omit<Seen, "machine">;

/** What is on a record that was made just now. */
export const noParts: Parts = { interfaces: [], disks: [], addresses: [] };

/** What is on a VM's record. @throws NetboxError */
export async function partsOf(api: NetboxApi, id: number): Promise<Parts> {
  const [interfaces, disks, addresses] = await Promise.all([
    interfacesOf(api, id),
    disksOf(api, id),
    addressesOf(api, id),
  ]);
  return { interfaces, disks, addresses };
}

/** Everything that an update would mend; a record that is not ours is only said to be so, since nothing mends that. */
export function driftOf(recorded: RecordInputs, seen: Seen): string[] {
  const { machine } = seen;
  const record = `record ${machine.id} in NetBox`;
  if (ownerOf(machine) !== recorded.owner) {
    const whose = ownerOf(machine) === "" ? "has no owner mark any more" : `belongs to ${ownerOf(machine)} now`;
    return [`${record} ${whose}: it is not changed`];
  }
  return [...machineDrift(recorded, machine), ...nicDrift(recorded, seen), ...diskDrift(recorded, seen.disks)].map(
    (what) => `${record}: ${what}`,
  );
}

function machineDrift(recorded: RecordInputs, machine: MachineRow): string[] {
  const missing = [managedTag.slug, ...recorded.tags.map(slugOf)].filter((slug) => !hasTag(machine, slug));
  return [
    ...differs("name", machine.name, recorded.name),
    ...differs("status", machine.status.value, "active"),
    ...(hasTag(machine, staleTag.slug) ? [`it has the tag ${staleTag.slug}`] : []),
    ...(missing.length > 0 ? [`it lacks the tag ${missing.join(", ")}`] : []),
    ...differs("external id", externalIdOf(machine), recorded.externalId),
    ...differs("cluster", machine.cluster?.name ?? "none", recorded.cluster.name),
    ...(isRole(machine, recorded.role) ? [] : differs("role", machine.role?.name ?? "none", recorded.role)),
    ...differs("start on boot", machine.start_on_boot?.value ?? "unknown", startOf(recorded)),
    ...differs("vcpus", machine.vcpus, recorded.vcpus),
    ...differs("memory in MB", machine.memory, recorded.memoryMb),
  ];
}

function isRole({ role }: MachineRow, name: string): boolean {
  return role?.slug === slugOf(name) || role?.name === name;
}

function nicDrift({ cards }: RecordInputs, { machine, interfaces, addresses }: Seen): string[] {
  const drift = cards.flatMap(({ name, mac, addressId }) => {
    const nic = interfaces.find((row) => row.name === name);
    if (!nic) return [`it has no card ${name}`];
    const address = addresses.find(({ id }) => id === addressId);
    return [
      ...differs(`MAC address of ${name}`, nic.primary_mac_address?.mac_address ?? "none", mac.toUpperCase()),
      ...(addressId !== undefined && address?.assigned_object_id !== nic.id
        ? [`card ${name} does not have address ${addressId}`]
        : []),
      ...(address && address.status.value !== "active"
        ? [`address ${address.address} is ${address.status.value}`]
        : []),
    ];
  });
  const primary = cards.find(({ addressId }) => addressId !== undefined)?.addressId;
  const now = machine.primary_ip4;
  if (primary === undefined || now?.id === primary) return drift;
  return [...drift, `its primary address is ${now?.address ?? "none"}, not that with id ${primary}`];
}

function diskDrift({ disks }: RecordInputs, rows: readonly DiskRow[]): string[] {
  return disks.flatMap(({ name, sizeMb }) => {
    const disk = rows.find((row) => row.name === name);
    return disk ? differs(`MB of disk ${name}`, disk.size, sizeMb) : [`it has no disk ${name}`];
  });
}

function differs(what: string, found: unknown, expected: unknown): string[] {
  return found === expected ? [] : [`${what} is ${found}, not ${expected}`];
}
