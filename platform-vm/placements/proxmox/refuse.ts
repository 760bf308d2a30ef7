/**
 * Changes of a pool on Proxmox VE that would take away what is on the disks of VMs that stand. They are refused in words, before
 * anything is touched. Pure.
 */
import type { DeployedVm } from "../../deployed.ts";
import type { PlannedPool } from "../../planned.ts";
import type { Refusals, Refused } from "../../refused.ts";
import { onProxmox } from "./deployed.ts";
import type { ProxmoxPart } from "./plan.ts";

/** @param stack name of the stack, for the command that makes the VMs anew. */
export function refuseOnProxmox(
  deployed: readonly DeployedVm[],
  { vms, snippets }: PlannedPool & ProxmoxPart,
  stack: string,
): Refusals {
  return {
    always: shrinks(deployed, vms),
    rebuildOnly: [
      ...otherMachines(deployed, vms, stack),
      ...otherUserData(deployed, { vms, storage: snippets?.storage }, stack),
    ],
  };
}

/** Disks that a plan would make smaller: no hypervisor takes a part of a disk away. */
export function shrinks(
  deployed: readonly DeployedVm[],
  planned: readonly { key: string; diskGb: number }[],
): Refused[] {
  return planned.flatMap(({ key, diskGb }) => {
    const now = deployed.find((vm) => vm.key === key)?.diskGb ?? 0;
    if (diskGb >= now) return [];
    return [
      {
        key: `vms.${key}.disk_size_gb`,
        reason: `is ${diskGb}, and the disk has ${now} GiB; a disk is never made smaller. Set ${now} or more, or make another VM`,
      },
    ];
  });
}

/**
 * VMs that would get another id, or another node. The provider changes neither in a VM: it destroys the VM, with its disks, and
 * makes another.
 * @param planned with the id and the node that the configuration says, where it says them.
 * @param stack name of the stack, for the command that makes the VMs anew.
 */
export function otherMachines(
  deployed: readonly DeployedVm[],
  planned: readonly { key: string; vmId?: number; nodeName?: string }[],
  stack: string,
): Refused[] {
  const consequence = `the provider would destroy the VM and make another. Put it back; or, where that shall be: holdfast rebuild ${stack} --confirm ${stack}`;
  const nodes = new Map(onProxmox(deployed).map(({ key, node }) => [key, node]));
  return planned.flatMap(({ key, vmId, nodeName }) => {
    const now = deployed.find((vm) => vm.key === key);
    const node = nodes.get(key);
    const problems: Refused[] = [];
    if (vmId !== undefined && now?.vmId !== undefined && now.vmId !== vmId) {
      problems.push({
        key: `vms.${key}.vm_id`,
        reason: `is ${vmId}, and the VM has the id ${now.vmId}: ${consequence}`,
      });
    }
    if (nodeName !== undefined && node !== undefined && node !== nodeName) {
      problems.push({
        key: `vms.${key}.node_name`,
        reason: `is ${nodeName}, and the VM stands on ${node}: ${consequence}`,
      });
    }
    return problems;
  });
}

/**
 * VMs whose user data would come from somewhere else. The provider changes that in no VM: it destroys the VM, with its disks,
 * and makes another.
 * @param storage of the snippets; absent: Proxmox VE makes the user data up.
 * @param stack name of the stack, for the command that makes the VMs anew.
 */
export function otherUserData(
  deployed: readonly DeployedVm[],
  { vms, storage }: { vms: readonly { key: string }[]; storage: string | undefined },
  stack: string,
): Refused[] {
  const wanted = storage ?? "";
  const from = (userData: string) => userData.slice(0, Math.max(0, userData.indexOf(":")));
  const differing = onProxmox(deployed).filter(
    ({ key, userData }) => userData !== undefined && from(userData) !== wanted && vms.some((vm) => vm.key === key),
  );
  const [first] = differing;
  if (!first) return [];
  const now = from(first.userData ?? "");
  const stand = `${differing.map(({ key }) => key).join(", ")} ${differing.length === 1 ? "stands" : "stand"}`;
  const back = now === "" ? "pulumi config rm snippets_storage" : `pulumi config set snippets_storage ${now}`;
  const consequence = `the provider would destroy such a VM and make another. Put it back: ${back}; or, where that shall be: holdfast rebuild ${stack} --confirm ${stack}`;
  const asked = wanted === "" ? "is not set" : `is ${wanted}`;
  const place = now === "" ? "without user data of the stack's" : `with user data on ${now}`;
  return [{ key: "snippets_storage", reason: `${asked}, and ${stand} ${place}: ${consequence}` }];
}
