/**
 * Whose an address is: the identity by which a reservation is found again, whatever becomes of stack, VM or state
 * (docs/decisions, IPAM identity). Pure.
 */
import { createHash } from "node:crypto";

/** What an address belongs to. The stack is not part of it: a VM that moves to another one keeps its address. */
export interface IpIdentity {
  /** Zone of the site, for example `onprem`. */
  zone: string;
  /** Environment, for example `dev`: two environments on one bridge get two addresses. */
  env: string;
  /** Logical name of the VM, for example `pgha-01`. */
  vm: string;
  /** Bridge, its alias resolved. */
  bridge: string;
  /** Which card, counted from 1. */
  nic: number;
}

/** For people and for NetBox's search: `onprem/dev/pgha-01/vnetdev/1`. Not unique by itself: that is the digest. */
export function identityText({ zone, env, vm, bridge, nic }: IpIdentity): string {
  return [zone, env, vm, bridge, nic].join("/");
}

/**
 * SHA-256 of the identity's canonical encoding, 64 hexadecimal digits. JSON keeps apart what a separator would not:
 * `ab`+`c` is not `a`+`bc`. The first element is the encoding's own version.
 */
export function identityDigest({ zone, env, vm, bridge, nic }: IpIdentity): string {
  return createHash("sha256")
    .update(JSON.stringify(["holdfast-ip@1", zone, env, vm, bridge, nic]))
    .digest("hex");
}
