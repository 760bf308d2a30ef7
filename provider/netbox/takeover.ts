/**
 * An identity's address in the hands of two stacks. The stack is no part of the identity, so that a VM which moves to another
 * one keeps its address; two that both have the VM must not share it.
 */
import { z } from "zod";
import { ownerField } from "../../lib/netbox/names.ts";
import { parseOwnerMark } from "../../lib/owner-mark.ts";
import type { Reservation } from "../../resources/netbox/ip-reservation.ts";
import type { Claiming } from "./claim.ts";
import { describe, type IpAddress } from "./ip-address.ts";

const machine = z.object({ name: z.string(), status: z.object({ value: z.string() }) });

/** The stack, other than these, whose mark a record has; undefined for none and for what is no mark. */
function otherOwner({ custom_fields }: IpAddress, ...own: string[]): string | undefined {
  const owner = custom_fields[ownerField];
  return owner && parseOwnerMark(owner) && !own.includes(owner) ? owner : undefined;
}

/**
 * Before a new resource takes an address that another stack had: says so.
 * @throws Error while a VM that NetBox shows at the address is not retired.
 */
export async function takeOver({ api, log }: Claiming, row: IpAddress, { owner }: Reservation): Promise<void> {
  const other = otherOwner(row, owner);
  if (!other) return;
  const whose = row.assigned_object?.virtual_machine;
  const vm = whose && (await api.find(`/virtualization/virtual-machines/${whose.id}/`, machine));
  if (vm && vm.status.value !== "offline") {
    throw new Error(
      `NetBox at ${api.url} has ${describe(row)}, and its VM ${vm.name} is ${vm.status.value}: destroy it in ${other} first, or set its record ` +
        `${whose.id} to offline if that stack is gone; two VMs must not have one address`,
    );
  }
  log("warning", `${row.address} was ${other}'s and is ${owner}'s now; a VM that ${other} still has would share it`);
}

/** Before a resource changes the record that it has. @throws Error when another stack has taken it over meanwhile. */
export function assertStillOurs(row: IpAddress, recorded: string, { owner }: Reservation, url: string): void {
  const other = otherOwner(row, owner, recorded);
  if (!other) return;
  throw new Error(
    `NetBox at ${url} has ${describe(row)}: ${other} took over what ${recorded} has in its state. Remove the VM from one of them; ` +
      `to keep it in ${owner}, set ${ownerField} of record ${row.id} to ${owner} in NetBox and run pulumi up`,
  );
}
