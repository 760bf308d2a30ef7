/**
 * `runner@1`: an operations runner as its stack left it: where it is, what it is for, how to log in, and what is installed.
 * No credentials in it.
 */
import { z } from "zod";
import { knownHostsName } from "../ssh/known-hosts.ts";
import type { Contract } from "./contract.ts";

const word = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "expected lower-case letters, digits and single hyphens");

/** A machine that leads to the runner. */
const way = z.strictObject({
  host: z.string().min(1),
  port: z.int().min(1).max(65535),
  user: z.string().min(1),
  /** Public SSH host key, where it is known. */
  hostKey: z.string().optional(),
});

const opsRunner = z.strictObject({
  contract: z.literal("runner@1"),
  /** Environment; empty where there is none. */
  env: z.string(),
  /** Where it executes. */
  place: z.enum(["onprem", "gcp"]),
  /** What fails together with it, for example a zone. */
  failureDomain: word,
  /** Which way it takes work: towards the cloud or back on premises. */
  direction: z.enum(["failover", "failback"]),
  vm: z.strictObject({
    /** Logical name. */
    key: z.string().min(1),
    /** Physical name. */
    name: z.string().min(1),
    /** IPv4, without prefix length. */
    address: z.string().min(1),
    /** Digest of what makes it this machine and no other. */
    identity: z.string().min(1),
  }),
  access: z.strictObject({
    user: z.string().min(1),
    port: z.int().min(1).max(65535),
    /** The VM's public SSH host key as the bootstrap met it; empty where nothing was met. */
    hostKey: z.string(),
    /** Whether the straight way may be taken. */
    direct: z.boolean(),
    jump: way.optional(),
    bastion: way.optional(),
    /** `<project>/<stack>` whose known_hosts has the host keys. */
    knownHosts: z.string().regex(knownHostsName, "expected <project>/<stack>"),
  }),
  /** Where the toolchain is installed: absolute. */
  prefix: z.string().startsWith("/"),
  /** SHA-256 of the installed release archive; empty where none is. */
  releaseDigest: z.string().regex(/^(sha256:[0-9a-f]{64})?$/, "expected sha256:…, or nothing"),
  /** Whether work may be sent to it. */
  capability: z.enum(["ready", "absent"]),
  status: z.enum(["ok", "absent"]),
  /** Evidence of the run that installed or removed it, on the workstation that ran it; empty without one. */
  evidenceDir: z.string(),
  runId: z.string(),
});

/** A runner as the contract carries it. */
export type OpsRunner = z.infer<typeof opsRunner>;

export const runnerContract: Contract<typeof opsRunner> = {
  version: "runner@1",
  output: "runner",
  producer: "ops-runner",
  schema: opsRunner,
};
