/**
 * Asking NetBox for an address until it is known what came of it. The identity is unique in NetBox, so the POST itself is the
 * claim: of many with one identity one succeeds, and the others find its record. What got no answer is looked for by that
 * identity before it is asked for again; and were the first request carried out only then, the second one would be refused.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { NetboxApi } from "../../lib/netbox/api.ts";
import { NetboxError } from "../../lib/netbox/errors.ts";
import type { RetryPolicy } from "../../lib/retry.ts";
import type { Reservation } from "../../resources/netbox/ip-reservation.ts";
import type { Operation } from "../kind.ts";
import { byIdentity, type IpAddress, ipAddress } from "./ip-address.ts";
import { digestOf, newRecord, onlyRecord, whose } from "./reservation.ts";

/** How often to ask, and how long to look for what may have been done. `attempts` counts POSTs. */
export interface ClaimPolicy extends Pick<RetryPolicy, "attempts"> {
  /** Milliseconds before each look for the record of a POST without an answer. */
  looksMs: readonly number[];
}

/** About a quarter of a minute after each of three attempts. */
export const usualClaim: ClaimPolicy = { attempts: 3, looksMs: [0, 1_000, 2_000, 4_000, 8_000] };

/** A record and how it was had: by this very request, by one whose answer was lost, or it was there before. */
export interface Claim {
  row: IpAddress;
  how: "made" | "adopted" | "found";
}

/** What a claim needs besides the reservation. */
export interface Claiming {
  api: NetboxApi;
  policy: ClaimPolicy;
  log: Operation["log"];
}

/**
 * Reserves by a POST.
 * @param path of the range's or the list's endpoint, below `/api`.
 * @param body in addition to what every record of ours has.
 * @throws NetboxError when NetBox refused it for another reason than this identity's own record.
 */
export async function claim(
  { api, policy, log }: Claiming,
  reservation: Reservation,
  path: string,
  body: object = {},
): Promise<Claim> {
  for (let attempt = 1; ; attempt++) {
    try {
      return { row: await api.send("POST", path, ipAddress, { ...newRecord(reservation), ...body }), how: "made" };
    } catch (error) {
      // NetBox looks for a free address first: that none is left does not mean that this identity has none.
      if (!(error instanceof NetboxError) || !(error.retryable || error.duplicate || error.exhausted)) throw error;
      if (error.retryable) log("status", `looking whether ${whose(reservation)} was reserved: ${error.message}`);
      const row = await look(api, reservation, error.retryable ? policy.looksMs : [0], error);
      if (row) return { row, how: error.retryable || attempt > 1 ? "adopted" : "found" };
      if (attempt < policy.attempts && (error.retryable || takenMeanwhile(error))) continue;
      throw error.ambiguous ? unreserved(error, reservation) : error;
    }
  }
}

/** The identity had a record when this was refused, and has none any more: it was taken away in between. */
function takenMeanwhile(error: NetboxError): boolean {
  return error.status === 400 && /must have a unique value/.test(error.serverMessage);
}

/** The identity's record, looked for as often as `waits` says. @throws Error when NetBox cannot be asked: that is no "none". */
async function look(
  api: NetboxApi,
  reservation: Reservation,
  waits: readonly number[],
  cause: NetboxError,
): Promise<IpAddress | undefined> {
  for (const ms of waits) {
    await pause(ms, undefined, { signal: api.signal }).catch(() => api.signal.throwIfAborted());
    const rows = await byIdentity(api, digestOf(reservation)).catch((error: unknown) => {
      throw error instanceof NetboxError ? unknown(error, reservation, cause) : error;
    });
    const row = onlyRecord(rows, reservation, api.url);
    if (row) return row;
  }
  return undefined;
}

function unknown(error: NetboxError, reservation: Reservation, cause: NetboxError): NetboxError {
  const text = `whether ${whose(reservation)} has an address in NetBox is not known: ${error.message}. Nothing is lost: pulumi up finds it by its identity`;
  return new NetboxError(text, error.status, error.serverMessage, { cause });
}

function unreserved(error: NetboxError, reservation: Reservation): NetboxError {
  const text = `${error.message}. ${whose(reservation)} was looked for since, and has no address; run pulumi up again, which takes none twice`;
  return new NetboxError(text, error.status, error.serverMessage, { cause: error });
}
