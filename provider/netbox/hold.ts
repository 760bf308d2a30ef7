/**
 * Holding the address that an identity has: found, checked, and its record brought in line with what the stack says.
 */
import { hostPart, inPool, inSubnet, withPrefixLength } from "../../lib/netbox/ip-pool.ts";
import type { Reservation } from "../../resources/netbox/ip-reservation.ts";
import { type Allocating, allocate, assertFree, restore } from "./allocate.ts";
import type { Claim } from "./claim.ts";
import { byHost, byIdentity, type IpAddress, ipAddress, pathOf } from "./ip-address.ts";
import { amendment, assertFits, digestOf, explicitRecord, onlyRecord, whose } from "./reservation.ts";
import { assertStillOurs } from "./takeover.ts";

/** What a resource published before. */
export interface Published {
  address: string;
  owner: string;
}

/** The identity's record, or none. @throws Error when there are several, or NetBox cannot be asked. */
export async function ownRecord({ api }: Allocating, reservation: Reservation): Promise<IpAddress | undefined> {
  return onlyRecord(await byIdentity(api, digestOf(reservation)), reservation, api.url);
}

/** The record of an explicit address. @throws Error in the documented words when it is not reserved for this identity. */
export async function pinned(at: Allocating, reservation: Reservation): Promise<IpAddress> {
  const own = await ownRecord(at, reservation);
  const there = await byHost(at.api, hostPart(reservation.address ?? ""));
  return explicitRecord(reservation, own, there);
}

/** Whether an address that was published can be had again. */
export function isWithin({ pool }: Reservation, address: string): boolean {
  return inSubnet(pool, address) && inPool(pool, address) && address === withPrefixLength(pool, hostPart(address));
}

/** Brings a record in line, out of quarantine too. @param row as it was just read. */
export async function keep(at: Allocating, reservation: Reservation, row: IpAddress): Promise<IpAddress> {
  assertFits(row, reservation, at.api.url);
  const change = amendment(row, reservation);
  return change ? at.api.send("PATCH", pathOf(row), ipAddress, change) : row;
}

/**
 * The address of a resource that there was already: the one that it published, whatever became of its record.
 * @throws Error when that one is somebody else's now, or another stack has taken it over.
 */
export async function hold(at: Allocating, reservation: Reservation, published: Published): Promise<Claim> {
  const { address } = published;
  if (reservation.address !== undefined && reservation.address !== address) {
    return { row: await keep(at, reservation, await pinned(at, reservation)), how: "found" };
  }
  const own = await ownRecord(at, reservation);
  if (own) {
    assertStillOurs(own, published.owner, reservation, at.api.url);
    const row = isMoved(own, reservation, address) ? await moveBack(at, reservation, own, address) : own;
    return { row: await keep(at, reservation, row), how: row === own ? "found" : "made" };
  }
  if (!isWithin(reservation, address)) {
    at.log(
      "warning",
      `${address} of ${whose(reservation)} is outside the pool and no longer reserved; it gets another address`,
    );
    return allocate(at, reservation);
  }
  const { row, how } = await restore(at, reservation, address);
  return { row: how === "made" ? row : await keep(at, reservation, row), how };
}

/** Whether somebody gave the record another address than the one at which the VM stands. */
export function isMoved(own: IpAddress, reservation: Reservation, address: string): boolean {
  return own.address !== address && isWithin(reservation, address);
}

async function moveBack(at: Allocating, reservation: Reservation, own: IpAddress, address: string): Promise<IpAddress> {
  await assertFree(at.session, reservation, address, own.vrf?.id ?? null);
  return at.api.send("PATCH", pathOf(own), ipAddress, { address });
}
