/**
 * Which machine a VM is: its address, and a digest that another machine of the same name does not have. Pure.
 */
import { createHash } from "node:crypto";

/** What tells a machine from another of the same name. */
export interface MachineIdentity {
  /** Number on Proxmox VE, UUID on libvirt. */
  vmId: number | string;
  node: string;
  address: string;
  mac: string;
  gateway: string;
  /** Id of the template that it is a clone of, or digest of its image. */
  template: number | string;
}

/** `sha256:` and 64 hexadecimal digits. */
export function identityDigest(identity: MachineIdentity): string {
  const parts = Object.entries(identity).sort(([a], [b]) => (a < b ? -1 : 1));
  return `sha256:${createHash("sha256").update(JSON.stringify(parts)).digest("hex")}`;
}

/**
 * The address by which a VM is reached.
 * @param planned addresses of the cards, with prefix length, `dhcp` or empty. The first static one wins: it is known before
 * anything is reported.
 * @param reported addresses by interface as the guest agent reports them, loopback among them.
 * @returns an IPv4 address without prefix length; empty where none is known.
 */
export function addressOf(planned: readonly string[], reported: readonly (readonly string[])[]): string {
  const fixed = planned.find((address) => address !== "" && address !== "dhcp");
  if (fixed !== undefined) return fixed.split("/")[0] ?? "";
  return reported.flat().find((address) => !address.startsWith("127.") && !address.startsWith("169.254.")) ?? "";
}
