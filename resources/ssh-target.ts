/**
 * Where to connect over SSH, as resources take it.
 */
import { z } from "zod";
import { knownHostsName } from "../lib/ssh/known-hosts.ts";
import { publicKeyLine } from "../lib/text.ts";

/** Address or name of a machine. IPv6 without brackets. */
const hostAddress = z
  .string()
  .min(1, "an address is needed")
  .regex(/^[A-Za-z0-9:_][\w.:%-]*$/, "expected an address or a name");

/** See `SshTarget` in lib/ssh. Nothing in here differs from one workstation to another. */
export const sshTarget = z
  .strictObject({
    host: hostAddress.describe("Address or name; IPv6 without brackets."),
    port: z.int().min(1).max(65535).describe("Port of its SSH server."),
    user: z
      .string()
      .regex(/^[A-Za-z_][\w.-]*\$?$/, "expected a login name")
      .describe("Who logs in."),
    hostKey: z
      .union([z.literal(""), publicKeyLine])
      .optional()
      .describe("Public host key that it has to show, as ssh-keyscan prints it. Default: the one that was met first."),
    stack: z
      .string()
      .regex(knownHostsName, "expected <project>/<stack>")
      .describe("Whose known_hosts is used: <project>/<stack>."),
  })
  .meta({ title: "SshTarget" });
