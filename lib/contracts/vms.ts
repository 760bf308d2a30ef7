/**
 * `vms@1`: the VMs of a pool as its stack made them. No credentials in it.
 */
import { z } from "zod";
import type { Contract } from "./contract.ts";

const vm = z.strictObject({
  /** The hypervisor's id: a number on Proxmox VE, a UUID on libvirt. */
  vmId: z.union([z.int().min(1), z.guid()]),
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
