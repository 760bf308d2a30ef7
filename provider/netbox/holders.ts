/**
 * Who has the addresses of a pool: for the error when none is left, and for what a preview foresees.
 */

import type { NetboxApi } from "../../lib/netbox/api.ts";
import { hostPart, type IpPool, inPool, inSubnet, lowestFree, poolText } from "../../lib/netbox/ip-pool.ts";
import { identityTextField, ownerField } from "../../lib/netbox/names.ts";
import { poolSize } from "../../lib/netbox/static-pool.ts";
import { ipv4Number } from "../../lib/network/ipv4.ts";
import type { Reservation } from "../../resources/netbox/ip-reservation.ts";
import { holder, type IpAddress, ipAddress, ipAddresses, releaseTime } from "./ip-address.ts";
import { lookAtPool, type PoolSeen } from "./pool.ts";
import { isOver } from "./quarantine.ts";
import type { NetboxSession } from "./session.ts";

/** How many of a holder's addresses are named. */
const named = 3;

/** The error of a pool without a free address: how large it is, who holds it, and what to do. */
export async function exhausted(
  session: NetboxSession,
  reservation: Reservation,
  { prefixId, rangeId, vrf }: { prefixId?: number | undefined; rangeId?: number | undefined; vrf: number | null },
): Promise<Error> {
  const { pool, identity } = reservation;
  const { api } = session;
  const held = await session.holders.share(poolText(pool), async () => holdersText(await rowsOf(api, pool, vrf)));
  const where = `prefix ${prefixId ?? "to be made"}, IP range ${rangeId ?? "to be made"}, ${poolSize(pool)} addresses`;
  return new Error(
    `ipam allocation failed for ${identity.vm} ${identity.bridge}: no available IPs in static pool ${poolText(pool)} (${where}) of NetBox at ${api.url}. ` +
      `Held by ${held}. Destroy what is no longer needed with releaseOnDelete, delete records that nobody has, or widen the pool in the site contract`,
  );
}

/** Addresses by owner, those with the most first: `home-1.platform-vm.dev: 6 (onprem/dev/a/br0/1, …, 3 more); …`. Pure. */
export function holdersText(rows: readonly IpAddress[]): string {
  const groups = new Map<string, string[]>();
  for (const row of rows) {
    const owner = row.custom_fields[ownerField] || "others than holdfast";
    const until = releaseTime(row);
    const who = row.custom_fields[identityTextField] || `${hostPart(row.address)} ${holder(row)}`;
    const text = until === undefined ? who : `${who} in quarantine until ${new Date(until).toISOString()}`;
    groups.set(owner, [...(groups.get(owner) ?? []), text]);
  }
  const texts = [...groups]
    .sort(([, one], [, other]) => other.length - one.length)
    .map(([owner, names]) => {
      const more = names.length > named ? [`${names.length - named} more`] : [];
      return `${owner}: ${names.length} (${[...names.slice(0, named), ...more].join(", ")})`;
    });
  return texts.join("; ") || "nobody that NetBox shows to this token";
}

/**
 * The address that an allocation would give, as far as can be said: another one for each who asks in one preview.
 * Changes nothing in NetBox.
 * @throws Error when the pool cannot be had, or none is left.
 */
export async function foreseeAddress(session: NetboxSession, reservation: Reservation): Promise<string> {
  const { pool } = reservation;
  const seen = await lookOnce(session, reservation);
  const taken = await session.foreseen.get(poolText(pool), async () => {
    const rows = await rowsOf(session.api, pool, seen.vrf);
    const now = Date.now();
    return new Set(rows.filter((row) => !isOver(row, now)).map(({ address }) => ipv4Number(hostPart(address))));
  });
  const host = lowestFree(pool, taken);
  if (host === undefined) throw await exhausted(session, reservation, seen);
  taken.add(ipv4Number(host));
  return host;
}

/** What there is of a pool, looked at once a process. */
export function lookOnce({ api, looks }: NetboxSession, { pool, owner }: Reservation): Promise<PoolSeen> {
  return looks.get(poolText(pool), () => lookAtPool(api, pool, owner));
}

async function rowsOf(api: NetboxApi, pool: IpPool, vrf: number | null): Promise<IpAddress[]> {
  const rows = await api.list(ipAddresses, ipAddress, { parent: pool.subnet }, ({ address }) =>
    inSubnet(pool, address),
  );
  return rows.filter((row) => inPool(pool, row.address) && (row.vrf?.id ?? null) === vrf);
}
