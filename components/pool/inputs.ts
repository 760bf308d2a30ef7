/**
 * The structures of a pool's configuration, as a stack file has them: VMs, addressing, readiness. Unknown fields are errors.
 * What holds between fields is decided in plan.ts.
 */
import { z } from "zod";
import { networkInterface } from "./interfaces.ts";

const positive = z.int().min(1, "must be >= 1");
const text = z.string().regex(/\S/, "must be a non-empty string");

/** A VM of a pool; what it does not say, the pool says. */
export const vmInput = z.strictObject({
  /** What the machine is for; becomes a tag. */
  role: text.optional(),
  /** Id on the hypervisor; without it the next free one. */
  vm_id: positive.optional(),
  /** Exact physical name. */
  vm_name: text.optional(),
  interfaces: z.array(networkInterface).optional(),
  template_key: text.optional(),
  cpu_cores: positive.optional(),
  /** MiB. */
  memory_mb: positive.optional(),
  /** GiB; never smaller than the template's disk. */
  disk_size_gb: positive.optional(),
  node_name: text.optional(),
  datastore_id: text.optional(),
  tags: z.array(text).optional(),
  /** Starts with the host. */
  on_boot: z.boolean().optional(),
  /** Order in which the host starts its VMs, the lowest first. */
  startup_order: positive.optional(),
  /** Refuses to be replaced or destroyed, by Pulumi and by the hypervisor. */
  protect: z.boolean().optional(),
});

/** A VM of a pool. */
export type VmInput = z.infer<typeof vmInput>;

/** Where addresses come from. */
export const addressingInput = z.strictObject({
  mode: z.enum(["static", "ipam"], { error: "inputs.addressing.mode must be one of: static, ipam" }),
  ipam: z
    .strictObject({
      provider: z.literal("netbox", {
        error: "inputs.addressing.ipam.provider must be 'netbox' when inputs.addressing.mode=ipam",
      }),
      /** Whether a destroy gives addresses back. Default: the same VM gets the same address again. */
      release_on_destroy: z.boolean().default(false),
      /** Seconds before somebody else may have an address that was given back. */
      quarantine_s: z.int().min(0, "must be >= 0").default(3600),
    })
    .optional(),
});

/** The readiness gate behind an update. */
const readinessMapping = z.strictObject({
  enabled: z.boolean().default(true),
  required: z.boolean().default(true),
  /** Default: ssh_username. */
  target_user: text.optional(),
  target_port: z.int().min(1).max(65535).default(22),
  /** Seconds that one stage of one attempt may take. */
  connectivity_timeout_s: z.number().min(1, "must be >= 1").default(5),
  /** Seconds that each VM may take; 0 is one attempt. */
  connectivity_wait_s: z.number().min(0, "must be >= 0").default(300),
  /** Whether the Proxmox host serves as a jump host where nothing else leads to a VM. */
  ssh_proxy_jump_auto: z.boolean().default(true),
});

/** `false` is a gate that is not there, `true` one with all defaults. */
export const readinessInput = z.union([
  z.boolean().transform((enabled) => readinessMapping.parse({ enabled })),
  readinessMapping,
]);

/** The readiness gate, decided. */
export type ReadinessSettings = z.infer<typeof readinessInput>;
