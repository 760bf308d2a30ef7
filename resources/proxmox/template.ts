/**
 * Which template, as the kinds that stand on one take it.
 */
import { z } from "zod";
import { ownerName, plainName } from "../../lib/text.ts";

export const templatePlace = {
  node: plainName.describe("Node that carries the template."),
  vmId: z.int().min(1).describe("Proxmox VE's id of the template."),
  templateName: plainName.describe("Its name on Proxmox VE."),
  owner: ownerName.describe("Owner mark of the stack."),
};
