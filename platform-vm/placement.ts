/**
 * Which keys belong to which placement. A key of the other one is refused by its name: what is written down and has no effect
 * is believed to have one. Pure.
 */
import { libvirtHostKeys, libvirtVmKeys } from "../lib/config/libvirt-keys.ts";
import { proxmoxKeys } from "../lib/config/proxmox-keys.ts";
import { type ReportProblem, statedKeys } from "../lib/config/strict.ts";
import type { PlatformVmConfig } from "./plan.ts";

/** Where a pool's VMs stand. */
export type Placement = PlatformVmConfig["placement"];

const templateKeys = ["template_state_ref", "template_key", "template_vm_id"];

/** The keys that one placement alone has. */
const ownKeys: Record<Placement, readonly string[]> = {
  proxmox: [
    ...Object.keys(proxmoxKeys),
    ...templateKeys,
    ...["node_name", "datastore_id", "snippets_storage", "cpu_type", "guest_agent_enabled", "vm_id", "bastion.address"],
  ],
  libvirt: [...Object.keys(libvirtHostKeys), ...Object.keys(libvirtVmKeys)],
};

/** What there is instead, where that is not plain. */
const instead: Record<string, string> = {
  ...Object.fromEntries(
    templateKeys.map((key) => [key, "on libvirt VMs are made from an image: vm.image.url and vm.image.sha256"]),
  ),
  node_name: "on libvirt they stand on host.address",
  datastore_id: "on libvirt their disks lie in vm.pool",
  snippets_storage: "on libvirt VMs come up with host keys of the stack's by themselves",
  vm_id: "on libvirt their ids are UUIDs that nobody chooses",
  cpu_type: "on libvirt VMs see the host's own processor",
  guest_agent_enabled: "on libvirt nothing is asked of an agent: addresses are static",
  "bastion.address": "on libvirt a jump host is said with ssh_proxy_jump_host",
  "vm.pool": "on Proxmox VE their disks lie in datastore_id",
  "vm.image.url": "on Proxmox VE VMs are clones of a template: template_key",
  "vm.image.sha256": "on Proxmox VE VMs are clones of a template: template_key",
};

/** Reports every key that the configuration says and that its placement does not have. */
export function checkPlacementKeys(config: PlatformVmConfig, report: ReportProblem): void {
  const { placement } = config;
  const other = placement === "proxmox" ? "libvirt" : "proxmox";
  const stated = statedKeys(config);
  for (const key of ownKeys[other].filter((name) => stated.has(name))) {
    const why = instead[key] ? `; ${instead[key]}` : "";
    report(
      key,
      `is a key of placement ${other}, and this pool's is ${placement}${why}. pulumi config rm ${key}, or pulumi config set placement ${other}`,
    );
  }
}
