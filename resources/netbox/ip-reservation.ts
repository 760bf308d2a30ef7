/**
 * An address in NetBox, the same one for the same identity (docs/decisions/0015).
 */
import { z } from "zod";
import { hostPart, inPool, inSubnet, poolProblems, poolText, withPrefixLength } from "../../lib/netbox/ip-pool.ts";
import { parseOwnerMark } from "../../lib/owner-mark.ts";
import { line } from "../../lib/text.ts";
import { exampleOwner } from "../examples.ts";
import { declareKind, type InputsOf, type StateOf } from "../kind.ts";

/** A name of NetBox's or of a program's: compared, digested and sent within JSON. */
const word = line.min(1);

const identity = z.strictObject({
  zone: word.describe("Zone of the site, for example onprem."),
  env: word.describe("Environment, for example dev: two environments on one bridge get two addresses."),
  vm: word.describe("Logical name of the VM, for example pgha-01."),
  bridge: word.describe("Bridge, its alias resolved."),
  nic: z.int().min(1).describe("Which card, counted from 1."),
});

const pool = z
  .strictObject({
    subnet: word.describe("For example 10.60.0.0/24."),
    from: word.describe("First address, included."),
    to: word.describe("Last address, included."),
  })
  .superRefine((pool, context) => {
    for (const { part, reason } of poolProblems(pool)) {
      context.addIssue({ code: "custom", path: [part], message: reason });
    }
  });

const inputs = z
  .strictObject({
    identity: identity.describe("Whose the address is (lib/netbox/identity.ts). The stack is not part of it."),
    owner: z
      .string()
      .refine((mark) => parseOwnerMark(mark) !== undefined, "expected an owner mark")
      .describe("Owner mark of the stack."),
    pool: pool.describe("What addresses are given out of: never gateway, network, broadcast or DHCP range."),
    address: z
      .string()
      .optional()
      .describe("With prefix length: this one and no other, which has to be reserved for this identity already."),
    dnsName: z
      .string()
      .max(255)
      .regex(/^([0-9A-Za-z_][0-9A-Za-z_-]*|\*)(\.[0-9A-Za-z_][0-9A-Za-z_-]*)*\.?$/, "expected a name in DNS")
      .optional()
      .describe("Name of the VM in DNS, as NetBox takes it."),
    releaseOnDelete: z
      .boolean()
      .optional()
      .describe("Whether a destroy gives the address back, into quarantine. Default: it stays reserved."),
    quarantineSeconds: z
      .int()
      .min(0)
      .max(30 * 24 * 3600, "expected at most 30 days")
      .optional()
      .describe("Seconds in quarantine before somebody else may have it. Default 3600; at most 30 days."),
  })
  .superRefine(({ address, pool }, context) => {
    if (address === undefined || poolProblems(pool).length > 0) return;
    const wrong = explicitProblem(address, pool);
    if (wrong) context.addIssue({ code: "custom", path: ["address"], message: wrong });
  });

export const ipReservationKind = declareKind({
  type: "holdfast:netbox:IpReservation",
  description: "An address in NetBox, the same one for the same identity.",
  inputs,
  computed: {
    address: z.cidrv4("expected an IPv4 address with prefix length").describe("With prefix length: 10.60.0.5/24."),
    addressId: z.int().min(1).describe("Its id in NetBox."),
    outcome: z
      .enum(["reused", "allocated", "restored", "adopted"])
      .describe("How it came about: restored is the one that it had before, adopted one whose answer was lost."),
  },
  // Another subnet for the same identity is no other reservation. To replace it would delete the VMs that stand on it first,
  // and only then would NetBox be asked, which has one address for an identity; the update says what to do instead.
  replaceOn: ["identity"],
  volatile: { address: ["address", "pool"], addressId: ["address", "pool"], outcome: ["address", "pool"] },
  example: {
    identity: { zone: "home", env: "dev", vm: "app-01", bridge: "vmbr0", nic: 1 },
    owner: exampleOwner,
    pool: { subnet: "192.0.2.0/24", from: "192.0.2.50", to: "192.0.2.60" },
    dnsName: "app-01",
    address: "192.0.2.51/24",
    addressId: 1,
    outcome: "allocated",
  },
});

/** Inputs of a reservation. */
export type Reservation = InputsOf<typeof ipReservationKind>;
/** State of a reservation. */
export type ReservationState = StateOf<typeof ipReservationKind>;

function explicitProblem(address: string, pool: Reservation["pool"]): string | undefined {
  if (!z.cidrv4().safeParse(address).success) return "expected an IPv4 address with prefix length";
  const explicit = "explicit IPAM address is outside";
  if (!inSubnet(pool, address) || address !== withPrefixLength(pool, hostPart(address))) {
    return `${explicit} the authoritative subnet ${pool.subnet}: it has to lie in it, with the same prefix length`;
  }
  if (!inPool(pool, address)) return `${explicit} the addresses that are given out, ${poolText(pool)}`;
  return undefined;
}
