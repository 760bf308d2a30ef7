/**
 * What is looked at on a cluster before a pool's VMs are made.
 */
import { z } from "zod";
import { type ArgumentsOf, declareFunction } from "../kind.ts";

const text = z.string().min(1);

const vm = z.strictObject({
  key: text.describe("Logical name."),
  name: text.describe("Physical name."),
  vmId: z.number().optional().describe("Its id. Default: the next free one."),
  recordedVmId: z.number().optional().describe("Id under which the stack's state has it."),
});

const template = z.strictObject({
  vmId: z.number().describe("Its id."),
  source: text.describe("Who said so, for messages."),
});

const snippets = z.strictObject({
  storage: text.describe("Proxmox VE's id of the storage."),
  host: text.describe("Address of the host that writes it."),
  nodes: z.array(text).describe("Nodes of the VMs, which read it."),
});

export const poolPreflightFunction = declareFunction({
  token: "holdfast:proxmox:poolPreflight",
  description:
    "Looks at the cluster before a pool's VMs are made, in previews too. An update removes the clones that one left which was cut off before it configured them. Fails when a VM is in the way or a template is not there, listing all of it; nothing was changed then.",
  inputs: z.strictObject({
    stack: text.describe("<project>/<stack>, for messages."),
    owner: text.describe("Our owner mark."),
    vms: z.array(vm).describe("The VMs that the pool wants."),
    templates: z.array(template).describe("What is cloned."),
    snippets: snippets.optional().describe("Where user data is put; absent: nowhere."),
    update: z
      .boolean()
      .optional()
      .describe(
        "Whether this is an update, which removes clones that one left that was cut off. Default: nothing is changed.",
      ),
  }),
  outputs: z.object({
    snippetsDirectory: z.string().optional().describe("Where snippets are put; absent where none are wanted."),
  }),
  tellsUpdate: true,
});

/** Everything that must hold on a cluster before a pool's VMs are made. Holds no secret. */
export type PoolPreflightArgs = ArgumentsOf<typeof poolPreflightFunction>;
/** A VM that a pool wants. */
export type WantedVm = PoolPreflightArgs["vms"][number];
/** Where a pool's user data is put. */
export type WantedSnippets = NonNullable<PoolPreflightArgs["snippets"]>;
