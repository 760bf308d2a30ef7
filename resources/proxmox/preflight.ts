/**
 * What is looked at on a cluster before templates are made.
 */
import { z } from "zod";
import { type ArgumentsOf, declareFunction } from "../kind.ts";

const text = z.string().min(1);

const template = z.strictObject({
  key: text.describe("Template key."),
  name: text.describe("Its name on Proxmox VE."),
  vmId: z.number().optional().describe("Its id. Default: the next free one."),
  node: text.describe("Node that is to carry it."),
  diskStorage: text.describe("Storage of its disks."),
  bridge: text.describe("Bridge of its network card."),
  pool: z.string().optional().describe("Resource pool that it is to be in."),
  tags: z.array(text).describe("Its tags: owner mark, digest and key."),
  recordedVmId: z.number().optional().describe("Id under which the stack's state has it."),
});

export const proxmoxPreflightFunction = declareFunction({
  token: "holdfast:proxmox:preflight",
  description:
    "Looks at the cluster before templates are made, in previews too. Fails when something is missing or in the way, listing all of it; nothing was changed then.",
  inputs: z.strictObject({
    stack: text.describe("<project>/<stack>, for messages."),
    owner: text.describe("Our owner mark."),
    imageStorage: text.describe("Storage of the images."),
    allowDestroyWithClones: z.boolean().describe("Whether a template may be replaced while VMs are linked to it."),
    templates: z.array(template).describe("The templates that the stack wants."),
  }),
  outputs: z.object({ version: z.string().describe("Version of Proxmox VE.") }),
});

/** Everything that must hold before templates are made. Holds no secret. */
export type ProxmoxPreflightArgs = ArgumentsOf<typeof proxmoxPreflightFunction>;
/** A template that the stack wants. */
export type WantedTemplate = ProxmoxPreflightArgs["templates"][number];
