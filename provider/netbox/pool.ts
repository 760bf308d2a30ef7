/**
 * The prefix and the IP range that a pool's addresses come out of: found, or made with our mark. NetBox has no lock for
 * either, so what was made is looked at again, and of two that came about at the same time the older one stays.
 */
import { z } from "zod";
import type { NetboxApi } from "../../lib/netbox/api.ts";
import { NetboxError } from "../../lib/netbox/errors.ts";
import { hostPart, type IpPool, inSubnet, poolText, withPrefixLength } from "../../lib/netbox/ip-pool.ts";
import { managedTag } from "../../lib/netbox/names.ts";
import { ipv4Number } from "../../lib/network/ipv4.ts";
import { parseOwnerMark } from "../../lib/owner-mark.ts";

/** A pool that NetBox can allocate from. */
export interface ReadyPool {
  prefixId: number;
  rangeId: number;
  /** VRF of the prefix; null for the global table. */
  vrf: number | null;
}

/** What is there of a pool. */
export type PoolSeen = {
  vrf: number | null;
  prefixId?: number | undefined;
  rangeId?: number | undefined;
  spare: number[];
};

const vrf = z.object({ id: z.number(), name: z.string() }).nullable();
const prefixRow = z.object({ id: z.number(), prefix: z.string(), vrf });
const rangeRow = z.object({
  id: z.number(),
  start_address: z.string(),
  end_address: z.string(),
  vrf,
  description: z.string(),
  mark_populated: z.boolean().optional(),
  tags: z.array(z.object({ slug: z.string() })),
});
type RangeRow = z.infer<typeof rangeRow>;

const made = z.object({ id: z.number() });
const prefixes = "/ipam/prefixes/";
const ranges = "/ipam/ip-ranges/";

/** Rounds of looking and making what lacks. Two suffice; more are for answers that were lost and for others who were faster. */
const rounds = 5;

/** What is there of a pool; changes nothing. @throws Error when what is there is another pool's. */
export async function lookAtPool(api: NetboxApi, pool: IpPool, owner: string): Promise<PoolSeen> {
  const [found, near] = await Promise.all([
    api.list(prefixes, prefixRow, { prefix: pool.subnet }, ({ prefix }) => prefix === pool.subnet),
    api.list(ranges, rangeRow, { parent: pool.subnet }, ({ start_address }) => inSubnet(pool, start_address)),
  ]);
  const tables = new Set(found.map(({ vrf }) => vrf?.id ?? null));
  if (tables.size > 1) {
    const where = found.map(({ id, vrf }) => `prefix ${id} in ${vrf ? `VRF ${vrf.name}` : "the global table"}`);
    throw new Error(
      `NetBox at ${api.url} has ${pool.subnet} in ${tables.size} tables (${where.join(", ")}), and nothing says which one ${owner} means; keep one of them`,
    );
  }
  const [table = null] = tables;
  const rows = near.filter(({ vrf }) => (vrf?.id ?? null) === table);
  const own = rows.filter((row) => isRangeOf(pool, row)).sort((a, b) => a.id - b.id);
  const other = rows.find((row) => overlaps(pool, row) && !isRangeOf(pool, row));
  if (other) throw new Error(otherRange(api.url, pool, owner, other));
  const [range, ...later] = own;
  if (range?.mark_populated) {
    throw new Error(
      `IP range ${range.id} (${poolText(pool)}) is marked as populated in NetBox at ${api.url}, so that nothing is given out of it; take that mark off`,
    );
  }
  const prefixId = found.map(({ id }) => id).sort((a, b) => a - b)[0];
  return { vrf: table, prefixId, rangeId: range?.id, spare: later.filter(isMarked).map(({ id }) => id) };
}

/**
 * Finds prefix and range of a pool, and makes what is not there.
 * @param owner mark of the stack, whose site is noted with what is made.
 */
export async function makePool(api: NetboxApi, pool: IpPool, owner: string): Promise<ReadyPool> {
  const note = { status: "active", tags: [{ slug: managedTag.slug }], description: noteOf(owner) };
  for (let round = 1; ; round++) {
    const { vrf, prefixId, rangeId, spare } = await lookAtPool(api, pool, owner);
    if (prefixId !== undefined && rangeId !== undefined) {
      // Deleting a range leaves its addresses; whoever still allocates from it finds the other one.
      for (const id of spare) await api.send("DELETE", `${ranges}${id}/`, z.undefined()).catch(ignoreGone);
      return { prefixId, rangeId, vrf };
    }
    const [path, body] =
      prefixId === undefined
        ? [prefixes, { prefix: pool.subnet }]
        : [
            ranges,
            {
              start_address: withPrefixLength(pool, pool.from),
              end_address: withPrefixLength(pool, pool.to),
              ...(vrf === null ? {} : { vrf }),
            },
          ];
    await api.send("POST", path, made, { ...body, ...note }).catch((error: unknown) => {
      if (round >= rounds || !mayBeThere(error)) throw error;
    });
  }
}

/** Whether what could not be made may be there all the same: another one was faster, or the answer was lost. */
function mayBeThere(error: unknown): boolean {
  return error instanceof NetboxError && (error.retryable || error.status === 400);
}

function ignoreGone(error: unknown): void {
  if (!(error instanceof NetboxError && error.missing)) throw error;
}

function isRangeOf(pool: IpPool, { start_address, end_address }: RangeRow): boolean {
  return start_address === withPrefixLength(pool, pool.from) && end_address === withPrefixLength(pool, pool.to);
}

function overlaps(pool: IpPool, { start_address, end_address }: RangeRow): boolean {
  const [start, end] = [ipv4Number(hostPart(start_address)), ipv4Number(hostPart(end_address))];
  return start <= ipv4Number(pool.to) && end >= ipv4Number(pool.from);
}

function isMarked({ tags }: RangeRow): boolean {
  return tags.some(({ slug }) => slug === managedTag.slug);
}

function noteOf(owner: string): string {
  return `Addresses that holdfast gives out, site ${parseOwnerMark(owner)?.site ?? owner}`;
}

function otherRange(url: string, pool: IpPool, owner: string, other: RangeRow): string {
  const there = `IP range ${other.id} (${other.start_address} to ${other.end_address}${other.description && `, "${other.description}"`})`;
  return (
    `NetBox at ${url} has ${there}, which overlaps the pool of ${owner}, ${poolText(pool)}; give the network in the site contract ` +
    "the same bounds, or change or delete the range in NetBox (its addresses stay)"
  );
}
