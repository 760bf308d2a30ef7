/**
 * What the templates' project says of itself.
 */
import { always, type Project } from "../lib/project.ts";

export const templateImage = {
  name: "template-image",
  summary: "VM templates on Proxmox VE, made of pinned cloud images.",
  runbookModule: "core/onprem/template-image",
  stacks: { each: "environment", example: "dev" },
  produces: "templates@1",
  consumes: [{ contract: "site@1", stackKey: "site.stack", fileKey: "site.file" }],
  dials: ["the API of Proxmox VE"],
  packages: ["holdfast", "proxmoxve"],
  secrets: { "proxmox.token": always },
  preflight: { required: ["plan", "cluster"], optional: ["ssh-key", "evidence"] },
  configuration: async () => (await import("./config.ts")).templateImageConfig,
} as const satisfies Project;
