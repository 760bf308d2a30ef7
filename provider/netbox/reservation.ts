/**
 * What a reservation is in NetBox: the record that it asks for, and what is wrong with one that is there.
 * Pure.
 */
import { identityDigest, identityText } from "../../lib/netbox/identity.ts";
import { hostPart, inPool, inSubnet, poolText, withPrefixLength } from "../../lib/netbox/ip-pool.ts";
import { identityField, identityTextField, managedTag, ownerField, releaseAfterField } from "../../lib/netbox/names.ts";
import type { Reservation } from "../../resources/netbox/ip-reservation.ts";
import { describe, type IpAddress } from "./ip-address.ts";

/** The value of the identity field. */
export function digestOf({ identity }: Pick<Reservation, "identity">): string {
  return identityDigest(identity);
}

/** Who is meant, for people. */
export function whose({ identity }: Pick<Reservation, "identity">): string {
  return identityText(identity);
}

/** The record that NetBox is asked to make; the address is its choice unless one is given. */
export function newRecord(reservation: Reservation): object {
  return {
    status: "reserved",
    description: whose(reservation),
    ...(reservation.dnsName === undefined ? {} : { dns_name: reservation.dnsName }),
    tags: [{ slug: managedTag.slug }],
    custom_fields: {
      [identityField]: digestOf(reservation),
      [identityTextField]: whose(reservation),
      [ownerField]: reservation.owner,
    },
  };
}

/** What has to change in a record of this identity; undefined when nothing has to. */
export function amendment(row: IpAddress, reservation: Reservation): Record<string, unknown> | undefined {
  const given = row.custom_fields;
  const fields = {
    ...(given[ownerField] === reservation.owner ? {} : { [ownerField]: reservation.owner }),
    ...(given[identityTextField] === whose(reservation) ? {} : { [identityTextField]: whose(reservation) }),
    ...(given[releaseAfterField] ? { [releaseAfterField]: null } : {}),
  };
  const { dnsName } = reservation;
  const change = {
    ...(isHeld(row) ? {} : { status: "reserved" }),
    ...(isNamed(row, reservation) ? {} : { dns_name: dnsName }),
    ...(Object.keys(fields).length > 0 ? { custom_fields: fields } : {}),
  };
  return Object.keys(change).length > 0 ? change : undefined;
}

/** Whether a record's status says that its address is held: `active` once a VM has it. */
function isHeld({ status }: IpAddress): boolean {
  return ["reserved", "active"].includes(status.value);
}

/** NetBox writes names in small letters. */
function isNamed({ dns_name }: IpAddress, { dnsName }: Reservation): boolean {
  return dnsName === undefined || dns_name === dnsName.toLowerCase();
}

/**
 * The one record of an identity, or none.
 * @throws Error when there are several: which one a VM has, nobody but an operator can tell.
 */
export function onlyRecord(rows: readonly IpAddress[], reservation: Reservation, url: string): IpAddress | undefined {
  if (rows.length <= 1) return rows[0];
  throw new Error(
    `NetBox at ${url} has ${rows.length} addresses for ${whose(reservation)}: ${rows.map(describe).join(", ")}. Keep the one that the ` +
      `VM has, and clear ${identityField} of the others; "unique" of that field must have been off: holdfast netbox bootstrap`,
  );
}

/** @throws Error when a record of this identity has an address that the stack cannot use. */
export function assertFits(row: IpAddress, reservation: Reservation, url: string): void {
  const { pool, owner } = reservation;
  const wrong = !inSubnet(pool, row.address)
    ? `outside the subnet ${pool.subnet}`
    : row.address !== withPrefixLength(pool, hostPart(row.address))
      ? `not recorded with the prefix length of ${pool.subnet}`
      : !inPool(pool, row.address)
        ? `outside the addresses that are given out, ${poolText(pool)}`
        : undefined;
  if (!wrong) return;
  throw new Error(
    `NetBox at ${url} has ${describe(row)}, which is ${wrong} of ${owner}; a VM may stand at it. Give the network its old bounds ` +
      `back in the site contract; or, to move ${whose(reservation)} to another address, destroy its VM, delete record ${row.id}, and run pulumi up`,
  );
}

/** What differs between a record and what was reserved, in words. `address` is the one that was published. */
export function differences(row: IpAddress, reservation: Reservation, address: string): string[] {
  const owner = row.custom_fields[ownerField];
  return [
    ...(row.address === address ? [] : [`NetBox has ${row.address} for ${whose(reservation)}, not ${address}`]),
    ...(isHeld(row) ? [] : [`${row.address} is ${row.status.value} in NetBox, not reserved`]),
    ...(owner === reservation.owner ? [] : [`${row.address} is ${owner ? `${owner}'s` : "nobody's"} in NetBox`]),
    ...(isNamed(row, reservation) ? [] : [`${row.address} is not ${reservation.dnsName} in NetBox`]),
  ];
}

/**
 * The record that an explicit address has to have already.
 * @param own the identity's record.
 * @param there every record of that address.
 * @throws Error in the documented words when it is not reserved for this identity.
 */
export function explicitRecord(
  reservation: Reservation,
  own: IpAddress | undefined,
  there: readonly IpAddress[],
): IpAddress {
  const { address } = reservation;
  if (own && own.address === address) return own;
  const { vm, bridge } = reservation.identity;
  const explicit = `explicit IPAM address ${address}`;
  const id = whose(reservation);
  const has = own ? `; ${id} has ${own.address}` : "";
  const other = there.find(({ custom_fields }) => custom_fields[identityField]);
  if (other && other !== own) {
    const name = other.custom_fields[identityTextField] || `digest ${other.custom_fields[identityField]}`;
    throw new Error(`${explicit} for ${vm}/${bridge} is owned by NetBox identity '${name}', not '${id}'${has}`);
  }
  const recorded = there[0] ? ` (it is ${describe(there[0])})` : "";
  throw new Error(
    `${explicit} for ${vm}/${bridge} is not reserved in NetBox for ${id}${recorded}${has}. Remove ipv4.address and let holdfast allocate it`,
  );
}
