/**
 * The configuration keys of a pool on one libvirt host. Pure.
 */
import { optional } from "../../../lib/config/fields.ts";
import { libvirtHostKeys, libvirtVmKeys } from "../../../lib/config/libvirt-keys.ts";

const fromImage = "on libvirt VMs are made from an image: vm.image.url and vm.image.sha256";

export const libvirtPlacementKeys = {
  fields: {
    ...libvirtHostKeys,
    // What a placement needs is checked by the plan: a pool somewhere else has no host.
    "host.address": optional(libvirtHostKeys["host.address"]),
    ...libvirtVmKeys,
  },
  own: [...Object.keys(libvirtHostKeys), ...Object.keys(libvirtVmKeys)],
  instead: {
    template_state_ref: fromImage,
    template_key: fromImage,
    template_vm_id: fromImage,
    node_name: "on libvirt they stand on host.address",
    datastore_id: "on libvirt their disks lie in vm.pool",
    snippets_storage: "on libvirt VMs come up with host keys of the stack's by themselves",
    vm_id: "on libvirt their ids are UUIDs that nobody chooses",
    cpu_type: "on libvirt VMs see the host's own processor",
    guest_agent_enabled: "on libvirt nothing is asked of an agent: addresses are static",
    "bastion.address": "on libvirt a jump host is said with ssh_proxy_jump_host",
  },
};
