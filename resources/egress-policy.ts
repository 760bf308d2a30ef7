/**
 * What jobs may reach, as both layers of the egress fence take it.
 */
import { z } from "zod";

/** An address, a network or a name, as the script's settings take it: one word, and no option of a program. */
export const reachableHost = z.string().regex(/^\w[\w./-]*$/, "expected an address, a network or a name");

/** Something that a job may reach although it lies where jobs may not go. */
const exception = z.strictObject({
  host: reachableHost.describe(
    "IPv4 address, IPv4 network or host name; a name is looked up on the machine that carries the fence, again and again.",
  ),
  protocol: z.enum(["tcp", "udp", "any"]).describe("any is TCP and UDP."),
  port: z.int().min(1).max(65_535).optional().describe("Default: all ports and protocols."),
  lan: z
    .boolean()
    .optional()
    .describe(
      "Of a name: whether an address on the LAN is meant, too. Else a name that resolves into a closed network opens nothing, for whoever has the name's zone would open the fence. Addresses of the hypervisor itself are never opened by a name.",
    ),
});

export const egressPolicy = z
  .strictObject({
    exceptions: z.array(exception).describe("What is open although it lies where jobs may not go."),
    closed: z
      .array(z.cidrv4("expected IPv4 networks"))
      .describe("IPv4 networks that are closed besides those which the machine finds on its own cards."),
    forge: z
      .union([z.ipv6(), reachableHost])
      .optional()
      .describe("Address or name of the forge: closed but for the exceptions, even where it is on the internet."),
  })
  .meta({ title: "EgressPolicy" });

/** What the fence lets through. */
export type EgressPolicy = z.infer<typeof egressPolicy>;

/** Something that a job may reach although it lies where jobs may not go. */
export type Exception = EgressPolicy["exceptions"][number];
