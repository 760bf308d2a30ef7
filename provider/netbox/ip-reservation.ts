/**
 * `holdfast:netbox:IpReservation`: an address in NetBox, the same one for the same identity (docs/decisions/0015). A destroy
 * leaves it reserved unless it is told to release it. Its id is the identity's digest, whatever record holds it.
 */
import { netboxApi } from "../../lib/netbox/access.ts";
import { ownerField } from "../../lib/netbox/names.ts";
import { ipReservationKind, type Reservation, type ReservationState } from "../../resources/netbox/ip-reservation.ts";
import { implement, type Operation, type ResourceKind } from "../kind.ts";
import { type Allocating, allocate } from "./allocate.ts";
import { type Claim, type ClaimPolicy, usualClaim } from "./claim.ts";
import { hold, keep, ownRecord, pinned } from "./hold.ts";
import { byIdentity, describe, type IpAddress } from "./ip-address.ts";
import { previewReservation } from "./preview.ts";
import { quarantine } from "./quarantine.ts";
import { differences, digestOf, whose } from "./reservation.ts";
import { NetboxSessions, type OpenNetbox } from "./session.ts";
import { takeOver } from "./takeover.ts";

const usualQuarantineSeconds = 3600;

/** Carries the kind out, with its way to NetBox and its policy, which tests shorten. */
export function ipReservationBy(
  open: OpenNetbox,
  policy: ClaimPolicy = usualClaim,
): ResourceKind<typeof ipReservationKind> {
  const sessions = new NetboxSessions(open);
  const start = async (operation: Operation): Promise<Allocating> => {
    const session = await sessions.of(operation);
    return { session, api: session.api, policy, log: operation.log };
  };
  return implement(ipReservationKind, {
    async preview(reservation, operation, state) {
      return previewReservation(await start(operation), reservation, state);
    },

    async create(reservation, operation) {
      const at = await start(operation);
      const { row, how } = await firstClaim(at, reservation);
      const outcome = ({ made: "allocated", adopted: "adopted", found: "reused" } as const)[how];
      operation.log("info", `${row.address} ${outcome} for ${whose(reservation)}`);
      return { id: digestOf(reservation), state: stateOf(reservation, row, outcome) };
    },

    async read(id, state, operation) {
      if (!state) throw new Error("a reservation is not imported: pulumi up finds an identity's address by itself");
      const { api } = await sessions.of(operation);
      const rows = await byIdentity(api, id);
      return { id, state: { ...state, ...seenIn(rows, state) }, inputs: state };
    },

    async update(_id, state, reservation, operation) {
      const at = await start(operation);
      const { row, how } = await hold(at, reservation, state);
      if (how === "found") return stateOf(reservation, row, state.outcome);
      const outcome = row.address === state.address ? "restored" : "allocated";
      operation.log("info", `${row.address} ${outcome} for ${whose(reservation)}`);
      return stateOf(reservation, row, outcome);
    },

    async delete(_id, state, operation) {
      if (state.releaseOnDelete) await release(await start(operation), state);
      else operation.log("info", `${state.address} stays reserved in NetBox for ${whose(state)}`);
    },
  });
}

export const ipReservation = ipReservationBy(netboxApi);

/** The address of a new resource: a new one, or the one that its identity has from before. */
async function firstClaim(at: Allocating, reservation: Reservation): Promise<Claim> {
  const claimed: Claim =
    reservation.address === undefined
      ? await allocate(at, reservation)
      : { row: await pinned(at, reservation), how: "found" };
  if (claimed.how === "found") await takeOver(at, claimed.row, reservation);
  // Even one that was just made: somebody may have given the range another prefix length.
  return { ...claimed, row: await keep(at, reservation, claimed.row) };
}

/** What a refresh saw: the record's number, and what is wrong. */
function seenIn(rows: readonly IpAddress[], state: ReservationState): { addressId: number; drift: string[] } {
  const { address, addressId } = state;
  const [row] = rows;
  if (!row) return { addressId, drift: [`${address} is no longer reserved for ${whose(state)} in NetBox`] };
  if (rows.length > 1) {
    return {
      addressId,
      drift: [`NetBox has ${rows.length} addresses for ${whose(state)}: ${rows.map(describe).join(", ")}`],
    };
  }
  return { addressId: row.id, drift: differences(row, state, address) };
}

/** Gives an address back, into quarantine, if it is still the one that this stack holds. */
async function release(at: Allocating, state: ReservationState): Promise<void> {
  const { owner, address, quarantineSeconds = usualQuarantineSeconds } = state;
  const row = await ownRecord(at, state);
  const stays = (why: string) => at.log("warning", `${address} of ${whose(state)} is not released: ${why}`);
  if (!row) return stays("NetBox has none for it any more");
  if (row.address !== address) return stays(`NetBox has ${describe(row)} for it`);
  if (row.status.value === "deprecated") return stays(`it was already: ${describe(row)}`);
  if (row.custom_fields[ownerField] !== owner) return stays(`it is not ${owner}'s: ${describe(row)}`);
  const after = new Date(Date.now() + quarantineSeconds * 1000);
  await quarantine(at.api, row, owner, after);
  at.log("info", `${address} is released; nobody else gets it before ${after.toISOString()}`);
}

function stateOf(reservation: Reservation, row: IpAddress, outcome: ReservationState["outcome"]): ReservationState {
  return { ...reservation, address: row.address, addressId: row.id, outcome };
}
