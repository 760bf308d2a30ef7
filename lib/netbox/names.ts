/**
 * What our records in NetBox are marked with: custom fields and tags, made once by `holdfast netbox bootstrap`. A record
 * without our owner mark is somebody else's, and nothing here ever changes one.
 */

/** Object types that carry our fields, in NetBox's own words. */
const address = "ipam.ipaddress";
const machine = "virtualization.virtualmachine";

/** A custom field as NetBox has to have it. */
export interface CustomField {
  /** As in `custom_fields.<name>` and in the filter `cf_<name>`. */
  name: string;
  label: string;
  description: string;
  type: "text" | "datetime";
  objectTypes: readonly string[];
  /** Whether NetBox itself refuses the same value twice: what makes a reservation race-safe. */
  unique: boolean;
}

/** Digest of an address's identity (identity.ts); NetBox refuses it twice. */
export const identityField = "holdfast_identity";
/** The same identity for people to read. */
export const identityTextField = "holdfast_identity_text";
/** Owner mark of the stack that made the record (components/owner). */
export const ownerField = "holdfast_owner";
/** When a released address may be given out again. */
export const releaseAfterField = "holdfast_release_after";
/** A VM's id on its hypervisor, `<placement>:<where>:<id>`; NetBox refuses it twice. */
export const externalIdField = "holdfast_external_id";

/** Every custom field that we need. */
export const customFields: readonly CustomField[] = [
  {
    name: identityField,
    label: "holdfast identity",
    description: "Digest of zone, environment, VM, bridge and card: who holds this address",
    type: "text",
    objectTypes: [address],
    unique: true,
  },
  {
    name: identityTextField,
    label: "holdfast identity, readable",
    description: "Zone/environment/VM/bridge/card that holds this address",
    type: "text",
    objectTypes: [address],
    unique: false,
  },
  {
    name: ownerField,
    label: "holdfast owner",
    description: "Stack that made this record; no other one changes it",
    type: "text",
    objectTypes: [address, machine],
    unique: false,
  },
  {
    name: releaseAfterField,
    label: "holdfast release after",
    description: "When this address, released by its VM, may be given out again",
    type: "datetime",
    objectTypes: [address],
    unique: false,
  },
  {
    name: externalIdField,
    label: "holdfast external id",
    description: "The VM's id on its hypervisor",
    type: "text",
    objectTypes: [machine],
    unique: true,
  },
];

/** A tag as NetBox has to have it. */
export interface Tag {
  name: string;
  slug: string;
  /** Six hexadecimal digits. */
  color: string;
  description: string;
}

/** On every record of ours. */
export const managedTag: Tag = {
  name: "holdfast",
  slug: "holdfast",
  color: "2196f3",
  description: "Kept by holdfast",
};

/** On the record of a VM that is gone. */
export const staleTag: Tag = {
  name: "holdfast-stale",
  slug: "holdfast-stale",
  color: "9e9e9e",
  description: "Its VM is gone; its addresses stay reserved",
};
