/**
 * The rule that opens a VM bridge on a hypervisor.
 */
import { z } from "zod";
import { interfaceName, ownerName } from "../../lib/text.ts";
import { exampleHost, exampleOwner } from "../examples.ts";
import { declareKind, type InputsOf, type StateOf } from "../kind.ts";
import { sshTarget } from "../ssh-target.ts";

export const bridgeForwardKind = declareKind({
  type: "holdfast:host:BridgeForward",
  description: "The rule that opens a VM bridge on a hypervisor, with the timer that puts it back.",
  inputs: z.strictObject({
    host: sshTarget.describe("The hypervisor."),
    bridge: interfaceName.describe("The bridge that VMs and LAN share."),
    owner: ownerName.describe(
      "Owner mark; several stacks may need the rule of one host, and the last one to leave removes it.",
    ),
  }),
  replaceOn: ["owner"],
  example: { host: exampleHost, bridge: "br0", owner: exampleOwner },
});

/** Inputs of the rule. */
export type BridgeForwardInputs = InputsOf<typeof bridgeForwardKind>;
/** State of the rule. */
export type BridgeForwardState = StateOf<typeof bridgeForwardKind>;
