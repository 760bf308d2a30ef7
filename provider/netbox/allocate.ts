/**
 * A new address for an identity out of its pool, or the very one that it had before.
 */
import { z } from "zod";
import { NetboxError } from "../../lib/netbox/errors.ts";
import { hostPart, poolText } from "../../lib/netbox/ip-pool.ts";
import { identityField } from "../../lib/netbox/names.ts";
import type { Reservation } from "../../resources/netbox/ip-reservation.ts";
import { type Claim, type Claiming, claim } from "./claim.ts";
import { exhausted } from "./holders.ts";
import { byHost, describe, type IpAddress, ipAddresses, pathOf } from "./ip-address.ts";
import { makePool, type ReadyPool } from "./pool.ts";
import { isOver, sweep } from "./quarantine.ts";
import { digestOf, whose } from "./reservation.ts";
import type { NetboxSession } from "./session.ts";

/** What allocating needs besides the reservation. */
export type Allocating = Claiming & { session: NetboxSession };

/**
 * The lowest free address of the pool, or the one that the identity has already.
 * @throws Error when none is free, with who holds them.
 */
export async function allocate(at: Allocating, reservation: Reservation): Promise<Claim> {
  const { session } = at;
  const key = poolText(reservation.pool);
  const did = { sweep: false, renew: false };
  for (;;) {
    const ready = await readyPool(session, reservation);
    try {
      return await claim(at, reservation, `/ipam/ip-ranges/${ready.rangeId}/available-ips/`);
    } catch (error) {
      if (!(error instanceof NetboxError)) throw error;
      if (error.exhausted && !did.sweep) {
        did.sweep = true;
        await session.sweeps.share(`again ${key}`, () => sweep(session.api, reservation.pool, ready.vrf));
      } else if (error.missing && !did.renew) {
        // Somebody deleted the range; or two were made at once, and this one was the younger.
        did.renew = true;
        session.pools.drop(key);
      } else throw error.exhausted ? await exhausted(session, reservation, ready) : error;
    }
  }
}

/** Prefix and range of a pool, what is over in its quarantine deleted: once a process. */
async function readyPool(session: NetboxSession, { pool, owner }: Reservation): Promise<ReadyPool> {
  const ready = await session.pools.get(poolText(pool), () => makePool(session.api, pool, owner));
  await session.sweeps.get(poolText(pool), () => sweep(session.api, pool, ready.vrf));
  return ready;
}

/**
 * The address that this identity had before, with prefix length. Never another one: a VM stands at it.
 * @throws Error when somebody else has it, and who that is.
 */
export async function restore(at: Allocating, reservation: Reservation, address: string): Promise<Claim> {
  const { session } = at;
  const { vrf } = await readyPool(session, reservation);
  await assertFree(session, reservation, address, vrf);
  try {
    const claimed = await claim(at, reservation, ipAddresses, { address, ...(vrf === null ? {} : { vrf }) });
    if (claimed.how !== "made" || (await othersAt(session, reservation, address, vrf)).length === 0) return claimed;
    // A NetBox that allows an address twice has let somebody in between.
    await session.api.send("DELETE", pathOf(claimed.row), z.undefined());
  } catch (error) {
    if (!(error instanceof NetboxError && error.duplicate)) throw error;
  }
  await assertFree(session, reservation, address, vrf);
  throw new Error(
    `${address} was taken and given back while it was being reserved for ${whose(reservation)}; run pulumi up again`,
  );
}

/** @throws Error with the holder when an address that this identity had is somebody else's now. */
export async function assertFree(
  session: NetboxSession,
  reservation: Reservation,
  address: string,
  vrf: number | null,
): Promise<void> {
  const [taken] = (await othersAt(session, reservation, address, vrf)).filter((row) => !isOver(row, Date.now()));
  if (!taken) return;
  throw new Error(
    `${address}, which ${whose(reservation)} had, was taken in NetBox at ${session.api.url}: ${describe(taken)}. The VM still stands at ` +
      `it, so it gets no other one: give it back there and run pulumi up; or let it have another one: pulumi up --replace <URN of the reservation>`,
  );
}

async function othersAt(
  { api }: NetboxSession,
  reservation: Reservation,
  address: string,
  vrf: number | null,
): Promise<IpAddress[]> {
  const rows = await byHost(api, hostPart(address));
  return rows.filter(
    (row) => (row.vrf?.id ?? null) === vrf && row.custom_fields[identityField] !== digestOf(reservation),
  );
}
