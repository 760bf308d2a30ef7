/**
 * Schema of an SSH target as resources take it.
 */
import { z } from "zod";
import { knownHostsName } from "../../lib/ssh/known-hosts.ts";
import { publicKeyLine } from "../../lib/text.ts";

/** Address or name of a machine. IPv6 without brackets. */
const hostAddress = z
  .string()
  .min(1, "an address is needed")
  .regex(/^[A-Za-z0-9:_][\w.:%-]*$/, "expected an address or a name");

/** See `SshTarget`. Nothing in here differs from one workstation to another. */
export const sshTarget = z.strictObject({
  host: hostAddress,
  port: z.int().min(1).max(65535),
  user: z.string().regex(/^[A-Za-z_][\w.-]*\$?$/, "expected a login name"),
  hostKey: z.union([z.literal(""), publicKeyLine]).optional(),
  stack: z.string().regex(knownHostsName, "expected <project>/<stack>"),
});
