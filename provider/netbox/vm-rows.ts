/**
 * Rows of NetBox that make up a VM, as far as they are looked at here, and where they are found.
 */
import { z } from "zod";
import type { NetboxApi } from "../../lib/netbox/api.ts";
import { externalIdField, managedTag, ownerField, staleTag } from "../../lib/netbox/names.ts";

const tags = z.array(z.object({ slug: z.string() }));
const fields = z.record(z.string(), z.unknown());
const named = z.object({ id: z.number(), name: z.string() });

/** What NetBox calls it that a VM starts with its host. */
export function startOf({ startOnBoot }: { startOnBoot: boolean }): "on" | "off" {
  return startOnBoot ? "on" : "off";
}

/** A VM. */
export const machineRow = z.object({
  id: z.number(),
  last_updated: z.string(),
  name: z.string(),
  status: z.object({ value: z.string() }),
  cluster: named.nullable(),
  role: named.extend({ slug: z.string() }).nullable(),
  start_on_boot: z.object({ value: z.string() }).nullable(),
  vcpus: z.number().nullable(),
  memory: z.number().nullable(),
  primary_ip4: z.object({ id: z.number(), address: z.string() }).nullable(),
  tags,
  custom_fields: fields,
});

/** A card of a VM. */
export const interfaceRow = z.object({
  id: z.number(),
  last_updated: z.string(),
  name: z.string(),
  virtual_machine: z.object({ id: z.number() }),
  primary_mac_address: z.object({ id: z.number(), mac_address: z.string() }).nullable(),
  mac_addresses: z.array(z.object({ id: z.number(), mac_address: z.string() })),
  tags,
});

/** A MAC address; a card may have several. */
export const macRow = z.object({
  id: z.number(),
  last_updated: z.string(),
  mac_address: z.string(),
  assigned_object_type: z.string().nullable(),
  assigned_object_id: z.number().nullable(),
  tags,
});

/** A disk of a VM. */
export const diskRow = z.object({
  id: z.number(),
  last_updated: z.string(),
  name: z.string(),
  size: z.number(),
  virtual_machine: z.object({ id: z.number() }),
  tags,
});

/** An address. */
export const addressRow = z.object({
  id: z.number(),
  last_updated: z.string(),
  address: z.string(),
  status: z.object({ value: z.string() }),
  assigned_object_type: z.string().nullable(),
  assigned_object_id: z.number().nullable(),
  assigned_object: z
    .object({ id: z.number(), name: z.string().optional(), virtual_machine: named.optional() })
    .nullable()
    .optional(),
  custom_fields: fields,
});

/** Rows as they come. */
export type MachineRow = z.infer<typeof machineRow>;
export type InterfaceRow = z.infer<typeof interfaceRow>;
export type DiskRow = z.infer<typeof diskRow>;
export type AddressRow = z.infer<typeof addressRow>;

/** What NetBox calls a card of a VM where something is assigned to one. */
export const interfaceType = "virtualization.vminterface";

/** Where each kind is found, below `/api`. */
export const machinesPath = "/virtualization/virtual-machines/";
export const interfacesPath = "/virtualization/interfaces/";
export const macsPath = "/dcim/mac-addresses/";
export const disksPath = "/virtualization/virtual-disks/";
export const addressesPath = "/ipam/ip-addresses/";

type Marked = Pick<MachineRow, "custom_fields">;
type Tagged = Pick<MachineRow, "tags">;

/** Owner mark of a record; empty where it has none. */
export function ownerOf({ custom_fields }: Marked): string {
  return text(custom_fields[ownerField]);
}

/** The VM's id on its hypervisor; empty where the record has none. */
export function externalIdOf({ custom_fields }: Marked): string {
  return text(custom_fields[externalIdField]);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Whether a record has the tag with this slug. */
export function hasTag({ tags }: Tagged, slug: string): boolean {
  return tags.some((tag) => tag.slug === slug);
}

/** Whether a card, a MAC address or a disk on a record of ours was made here, and not by hand. */
export function madeHere(row: Tagged): boolean {
  return hasTag(row, managedTag.slug);
}

/** Whether the record is of a VM that is gone. */
export function isRetired(row: Tagged): boolean {
  return hasTag(row, staleTag.slug);
}

/** The cards of a VM. */
export function interfacesOf(api: NetboxApi, id: number): Promise<InterfaceRow[]> {
  return api.list(interfacesPath, interfaceRow, { virtual_machine_id: id }, (row) => row.virtual_machine.id === id);
}

/** The disks of a VM. */
export function disksOf(api: NetboxApi, id: number): Promise<DiskRow[]> {
  return api.list(disksPath, diskRow, { virtual_machine_id: id }, (row) => row.virtual_machine.id === id);
}

/** The addresses on a VM's cards. */
export function addressesOf(api: NetboxApi, id: number): Promise<AddressRow[]> {
  const on = (row: AddressRow) =>
    row.assigned_object_type === interfaceType && row.assigned_object?.virtual_machine?.id === id;
  return api.list(addressesPath, addressRow, { virtual_machine_id: id }, on);
}
