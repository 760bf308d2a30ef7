/**
 * What a preview says of a reservation: which address it has or would get, and whether NetBox would refuse it. Only reads.
 */
import { poolText, withPrefixLength } from "../../lib/netbox/ip-pool.ts";
import type { Reservation } from "../../resources/netbox/ip-reservation.ts";
import { type Allocating, assertFree } from "./allocate.ts";
import { isMoved, isWithin, ownRecord, type Published, pinned } from "./hold.ts";
import { foreseeAddress, lookOnce } from "./holders.ts";
import type { IpAddress } from "./ip-address.ts";
import { assertFits, whose } from "./reservation.ts";
import { assertStillOurs } from "./takeover.ts";

/** Outputs that are certain before anything is done. */
export type Certain = Partial<{ address: string; addressId: number }>;

/**
 * @param published of a resource that there is already.
 * @returns the address, where it is reserved already.
 * @throws Error for what an update would refuse.
 */
export async function previewReservation(
  at: Allocating,
  reservation: Reservation,
  published?: Published,
): Promise<Certain> {
  const before = published?.address;
  if (reservation.address !== undefined && reservation.address !== before) {
    return has(at, reservation, await pinned(at, reservation));
  }
  const own = await ownRecord(at, reservation);
  if (own) {
    if (published) assertStillOurs(own, published.owner, reservation, at.api.url);
    if (before === undefined || !isMoved(own, reservation, before)) return has(at, reservation, own);
    await assertFree(at.session, reservation, before, own.vrf?.id ?? null);
    at.log("info", `would give record ${own.id} its address ${before} back, for ${whose(reservation)}`);
    return { address: before, addressId: own.id };
  }
  if (before !== undefined && isWithin(reservation, before)) {
    const { vrf } = await lookOnce(at.session, reservation);
    await assertFree(at.session, reservation, before, vrf);
    at.log("info", `would reserve ${before} again for ${whose(reservation)}`);
    return { address: before };
  }
  const { pool } = reservation;
  const address = withPrefixLength(pool, await foreseeAddress(at.session, reservation));
  at.log("info", `would reserve ${address} (lowest free of ${poolText(pool)}) for ${whose(reservation)}`);
  return {};
}

function has({ api, log }: Allocating, reservation: Reservation, own: IpAddress): Certain {
  assertFits(own, reservation, api.url);
  log("info", `${whose(reservation)} has ${own.address} already`);
  return { address: own.address, addressId: own.id };
}
