/**
 * `vms@1`: the VMs of a pool as its stack made them. No credentials in it.
 */
import { z } from "zod";
import type { Contract } from "./contract.ts";

/**
 * The platform's id of a VM: a number on Proxmox VE, a UUID on libvirt. One of 64 bits does not fit a JavaScript number, and is
 * its decimal digits; whoever reads one compares and shows it, and never computes with it.
 */
const vmId = z.union([z.int().min(1), z.guid(), z.string().refine(isDecimal64, "expected an id: a number, or a UUID")]);

/** Whether a text is a whole number from 1 to 2^64 - 1 in its only spelling. */
function isDecimal64(text: string): boolean {
  return /^[1-9]\d{0,19}$/.test(text) && BigInt(text) < 2n ** 64n;
}

/** The platform's id of a VM. */
export type VmId = z.infer<typeof vmId>;

const vm = z.strictObject({
  vmId,
  /** Physical name. */
  name: z.string().min(1),
  /** Node on Proxmox VE, address of the host on libvirt. */
  node: z.string().min(1),
  /** IPv4 address, without prefix length; empty where the platform reported none. */
  address: z.string(),
  /** Of the first card. */
  mac: z.string(),
  /** Digest of what makes it this machine and no other. */
  identity: z.string().regex(/^sha256:[0-9a-f]{64}$/, "expected sha256:…"),
  /** Public SSH host key, where the stack made it. */
  hostKey: z.string().optional(),
});

const vms = z.strictObject({
  contract: z.literal("vms@1"),
  env: z.string(),
  /** By logical name. */
  vms: z.record(z.string(), vm),
  /** How the readiness gate ended: `ok`, `error` (where it only warns) or `skipped`. */
  status: z.enum(["ok", "error", "skipped"]),
  /** Evidence of the run that passed the gate, on the workstation that ran it; empty without one. */
  evidenceDir: z.string(),
  runId: z.string(),
});

/** VMs as the contract carries them. */
export type Vms = z.infer<typeof vms>;

export const vmsContract: Contract<typeof vms> = {
  version: "vms@1",
  output: "vms",
  producer: "platform-vm",
  schema: vms,
};
