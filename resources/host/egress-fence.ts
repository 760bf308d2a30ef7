/**
 * The layer of the egress fence on a hypervisor's bridge.
 */
import { z } from "zod";
import { ownerName } from "../../lib/text.ts";
import { egressPolicy, reachableHost } from "../egress-policy.ts";
import { exampleHost, exampleOwner, examplePolicy } from "../examples.ts";
import { declareKind, type InputsOf, type StateOf } from "../kind.ts";
import { sshTarget } from "../ssh-target.ts";

export const egressFenceKind = declareKind({
  type: "holdfast:host:EgressFence",
  description: "What keeps a VM's jobs off the LAN, on the hypervisor's bridge, with the timer that puts it back.",
  inputs: z.strictObject({
    host: sshTarget.describe("The hypervisor."),
    owner: ownerName.describe("Owner mark; names the fence."),
    mac: z
      .string()
      .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, "expected a MAC address in lower case")
      .describe("MAC address of the VM's card, in lower case."),
    policy: egressPolicy.describe("What jobs may reach."),
    tap: z
      .string()
      .regex(/^hf[0-9a-f]{12}$/, "expected hf and 12 hexadecimal digits")
      .optional()
      .describe("Name of the VM's tap. States of release 0.1 have none."),
    address: z.ipv4("expected an IPv4 address").optional().describe("The VM's static address; absent with DHCP."),
    known: z
      .array(reachableHost)
      .optional()
      .describe("Machines of the site that the VM must not pass itself off as while no lease of it is known."),
  }),
  replaceOn: ["owner"],
  example: {
    host: exampleHost,
    owner: exampleOwner,
    mac: "52:54:00:12:34:56",
    policy: examplePolicy,
    tap: "hf0123456789ab",
    address: "192.0.2.15",
    known: ["192.0.2.1"],
  },
});

/** Inputs of the fence. */
export type EgressFenceInputs = InputsOf<typeof egressFenceKind>;
/** State of the fence. */
export type EgressFenceState = StateOf<typeof egressFenceKind>;
