/**
 * What the pools' project says of itself.
 */
import type { Project } from "../lib/project.ts";
import { templateStack } from "./template-reference.ts";

export const platformVm = {
  name: "platform-vm",
  summary: "VM pools on Proxmox VE or a libvirt host.",
  runbookModule: "platform/onprem/platform-vm",
  stacks: { each: "environment and pool", example: "dev-apps" },
  produces: "vms@1",
  consumes: [
    { contract: "site@1", stackKey: "site.stack", fileKey: "site.file" },
    { contract: "netbox@1", fileKey: "netbox.file" },
    {
      contract: "templates@1",
      stackKey: "template_state_ref",
      stackOf: ({ template_state_ref: reference, template_vm_id: id }, env) =>
        typeof reference === "string" && id === undefined ? templateStack(reference, env) : undefined,
    },
  ],
  dials: ["the API of Proxmox VE", "a libvirt host over SSH", "the API of NetBox", "its VMs over SSH"],
  packages: ["holdfast", "libvirt", "proxmoxve"],
  secrets: {
    "proxmox.token": ({ value }) => value("placement") === "proxmox",
    "netbox.token": ({ value }) => (value("addressing") as { mode?: unknown } | undefined)?.mode === "ipam",
  },
  preflight: {
    required: ["plan", "rebuild-only", "public-key", "placement", "netbox"],
    optional: ["ssh-key", "ssh-routes", "evidence", "environment"],
  },
  configuration: async () => (await import("./config.ts")).platformVmConfig,
} as const satisfies Project;
