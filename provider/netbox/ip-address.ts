/**
 * Addresses as NetBox records them: their shape, how they are found, and how they are named in messages.
 */
import { z } from "zod";
import type { NetboxApi } from "../../lib/netbox/api.ts";
import { hostPart } from "../../lib/netbox/ip-pool.ts";
import { identityField, identityTextField, ownerField, releaseAfterField } from "../../lib/netbox/names.ts";

const text = z.string().nullish();

/** What is read of an address's record. */
export const ipAddress = z.object({
  id: z.number(),
  /** With prefix length. */
  address: z.string(),
  status: z.object({ value: z.string() }),
  vrf: z.object({ id: z.number() }).nullable(),
  dns_name: z.string(),
  description: z.string(),
  assigned_object_type: z.string().nullable(),
  assigned_object: z
    .object({ id: z.number(), virtual_machine: z.object({ id: z.number(), name: z.string() }).nullish() })
    .nullable(),
  custom_fields: z.object({
    [identityField]: text,
    [identityTextField]: text,
    [ownerField]: text,
    [releaseAfterField]: text,
  }),
  last_updated: z.string(),
});

/** An address's record. */
export type IpAddress = z.infer<typeof ipAddress>;

/** Path of the list below `/api`. */
export const ipAddresses = "/ipam/ip-addresses/";

/** Path of one record below `/api`. */
export function pathOf({ id }: Pick<IpAddress, "id">): string {
  return `${ipAddresses}${id}/`;
}

/** Every record of an identity, wherever it is. More than one should not be; whoever asks has to say so. */
export function byIdentity(api: NetboxApi, digest: string): Promise<IpAddress[]> {
  const isIts = ({ custom_fields }: IpAddress) => custom_fields[identityField] === digest;
  return api.list(ipAddresses, ipAddress, { [`cf_${identityField}`]: digest }, isIts);
}

/** Every record of a host's address, whatever its prefix length and VRF. */
export function byHost(api: NetboxApi, host: string): Promise<IpAddress[]> {
  return api.list(ipAddresses, ipAddress, { address: host }, ({ address }) => hostPart(address) === host);
}

/** When a quarantined address may be given out again, in milliseconds since 1970; undefined when it is in none. */
export function releaseTime({ status, custom_fields }: IpAddress): number | undefined {
  const after = custom_fields[releaseAfterField];
  return status.value === "deprecated" && after ? Date.parse(after) : undefined;
}

/** For messages: `record 12 (10.60.0.5/28, reserved for onprem/dev/app-01/vnetdev/1 by home-1.platform-vm.dev)`. */
export function describe(row: IpAddress): string {
  return `record ${row.id} (${row.address}, ${row.status.value} for ${holder(row)})`;
}

/** Who has an address, as far as its record says. */
export function holder({ custom_fields, description, dns_name, assigned_object }: IpAddress): string {
  const owner = custom_fields[ownerField];
  const who =
    custom_fields[identityTextField] ||
    assigned_object?.virtual_machine?.name ||
    dns_name ||
    description ||
    "somebody else";
  return owner ? `${who} by ${owner}` : who;
}
