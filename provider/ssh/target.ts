/**
 * Schema of an SSH target as resources take it.
 */
import { z } from "zod";
import { knownHostsName } from "../../components/ssh/known-hosts.ts";

/** See `SshTarget`. Nothing in here differs from one workstation to another. */
export const sshTarget = z.strictObject({
  host: z.string().min(1, "an address is needed"),
  port: z.int().min(1).max(65535),
  user: z.string().min(1),
  hostKey: z.string().optional(),
  stack: z.string().regex(knownHostsName, "expected <project>/<stack>"),
});
