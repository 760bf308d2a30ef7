/**
 * The configuration keys of a pool on Proxmox VE. Pure.
 */
import { optional, textField } from "../../../lib/config/fields.ts";
import { proxmoxKeys } from "../../../lib/config/proxmox-keys.ts";

const word = /^[\w.-]+$/;
const templateKeys = ["template_state_ref", "template_key", "template_vm_id"];

export const proxmoxPlacementKeys = {
  fields: {
    ...proxmoxKeys,
    // What a placement needs is checked by the plan: a pool somewhere else has no token.
    "proxmox.token": optional(proxmoxKeys["proxmox.token"]),
    node_name: optional(
      textField(
        {
          description: "Node that carries the VMs. Default: the template's, else the site contract's.",
          example: "pve02",
        },
        word,
        "a node",
      ),
    ),
    datastore_id: optional(
      textField(
        {
          description:
            "Storage of the VMs' disks. Default: local-lvm; required where the site contract lists storages without it.",
          example: "fast-lvm",
        },
        word,
        "a storage",
      ),
    ),
    snippets_storage: optional(
      textField(
        {
          description:
            "Storage with content `snippets` for the VMs' user data: they come up with SSH host keys that the stack made. Written over SSH, as root on the Proxmox host (bastion.address). Default: none; host keys are trusted at first contact.",
          example: "local",
        },
        word,
        "a storage",
      ),
    ),
  },
  own: [
    ...Object.keys(proxmoxKeys),
    ...templateKeys,
    ...["node_name", "datastore_id", "snippets_storage", "cpu_type", "guest_agent_enabled", "vm_id", "bastion.address"],
  ],
  instead: {
    "vm.pool": "on Proxmox VE their disks lie in datastore_id",
    "vm.image.url": "on Proxmox VE VMs are clones of a template: template_key",
    "vm.image.sha256": "on Proxmox VE VMs are clones of a template: template_key",
  },
};
