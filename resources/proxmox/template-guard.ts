/**
 * What keeps a template while VMs are linked to it.
 */
import { z } from "zod";
import { exampleOwner } from "../examples.ts";
import { declareKind } from "../kind.ts";
import { templatePlace } from "./template.ts";

export const templateGuardKind = declareKind({
  type: "holdfast:proxmox:TemplateGuard",
  description: "Keeps a template while VMs are linked to it: deleting this resource, which comes first, fails then.",
  inputs: z.strictObject({
    ...templatePlace,
    allowDestroyWithClones: z.boolean().describe("Whether it may be deleted while VMs are linked to it."),
  }),
  replaceOn: ["vmId", "node"],
  example: {
    node: "pve",
    vmId: 9000,
    templateName: "ubuntu-24.04",
    owner: exampleOwner,
    allowDestroyWithClones: false,
  },
});
