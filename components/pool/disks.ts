/**
 * Changes of a pool that would take away what is on the disks of VMs that stand. They are refused in words, before anything is
 * touched. Pure.
 */
import type { VmNames } from "../../resources/host/preflight.ts";
import { vmNames } from "../vm/plan.ts";
import type { DeployedVm, LibvirtDisk } from "./checkpoint.ts";

/** A change that is refused, and the configuration key that asks for it. */
export interface Refused {
  key: string;
  reason: string;
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

/** VMs that stand somewhere else than the plan says: none moves. */
export function moves(
  deployed: readonly DeployedVm[],
  plan: { placement: string; host?: { host: string } },
): Refused[] {
  const elsewhere = "VMs do not move: put it back, or use another stack; or remove these first with: pulumi destroy";
  const list = (vms: readonly DeployedVm[]) => vms.map(({ key }) => key).join(", ");
  const others = deployed.filter(({ libvirt }) => (libvirt ? "libvirt" : "proxmox") !== plan.placement);
  if (others.length > 0) {
    const now = others[0]?.libvirt ? "libvirt" : "proxmox";
    return [{ key: "placement", reason: `is ${plan.placement}, and ${list(others)} stand on ${now}. ${elsewhere}` }];
  }
  const { host } = plan;
  const away = deployed.filter(({ libvirt }) => host && libvirt?.node && libvirt.node !== host.host);
  if (!host || away.length === 0) return [];
  return [
    {
      key: "host.address",
      reason: `is ${host.host}, and ${list(away)} stand on ${away[0]?.libvirt?.node}. ${elsewhere}`,
    },
  ];
}

/**
 * VMs on Proxmox VE that would get another id, or another node. The provider changes neither in a VM: it destroys the VM, with
 * its disks, and makes another.
 * @param planned with the id and the node that the configuration says, where it says them.
 * @param stack name of the stack, for the command that makes the VMs anew.
 */
export function otherMachines(
  deployed: readonly DeployedVm[],
  planned: readonly { key: string; vmId?: number; nodeName?: string }[],
  stack: string,
): Refused[] {
  const consequence = `the provider would destroy the VM and make another. Put it back; or, where that shall be: holdfast rebuild ${stack} --confirm ${stack}`;
  return planned.flatMap(({ key, vmId, nodeName }) => {
    const now = deployed.find((vm) => vm.key === key);
    const problems: Refused[] = [];
    if (vmId !== undefined && now?.vmId !== undefined && now.vmId !== vmId) {
      problems.push({
        key: `vms.${key}.vm_id`,
        reason: `is ${vmId}, and the VM has the id ${now.vmId}: ${consequence}`,
      });
    }
    if (nodeName !== undefined && now?.nodeName !== undefined && now.nodeName !== nodeName) {
      problems.push({
        key: `vms.${key}.node_name`,
        reason: `is ${nodeName}, and the VM stands on ${now.nodeName}: ${consequence}`,
      });
    }
    return problems;
  });
}

/**
 * VMs on Proxmox VE that are clones of another template than new ones would be: they stay as they are, and that is said.
 * @param templates ids by logical name.
 * @returns one line, or nothing.
 */
export function olderClones(
  deployed: readonly DeployedVm[],
  templates: Readonly<Record<string, number>>,
  stack: string,
): string | undefined {
  const older = deployed.filter(
    ({ key, templateVmId }) =>
      templateVmId !== undefined && templates[key] !== undefined && templates[key] !== templateVmId,
  );
  if (older.length === 0) return undefined;
  const clones = older.map(({ key, templateVmId }) => `${key} (of ${templateVmId}, now ${templates[key]})`).join(", ");
  return `VMs that stay clones of the template that they were made from: ${clones}; to make them anew: holdfast rebuild ${stack} --confirm ${stack}`;
}

/**
 * VMs on Proxmox VE whose user data would come from somewhere else. The provider changes that in no VM: it destroys the VM,
 * with its disks, and makes another.
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
  const differing = deployed.filter(
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

/** The pool that a plan wants on a libvirt host. */
export interface WantedDisks {
  pool: string;
  image: { sha256: string };
  vms: readonly { key: string; name: string; diskGb: number }[];
}

/**
 * Root disks that libvirt would replace by new ones: it resizes none, and lays none over another image.
 * @param stack name of the stack, for the command that makes the VMs anew.
 */
export function lostDisks(
  deployed: readonly DeployedVm[],
  { pool, image, vms }: WantedDisks,
  stack: string,
): Refused[] {
  const consequence = `libvirt would make a new, empty disk, and what is on this one would be lost. Put the value back; or, where that shall be: holdfast rebuild ${stack} --confirm ${stack}`;
  return vms.flatMap(({ key, name, diskGb }) => {
    const now = deployed.find((vm) => vm.key === key);
    if (!now?.libvirt) return [];
    const wanted = { pool, diskGb, volumes: vmNames(name, image.sha256) };
    return differences(now, now.libvirt, wanted).map((one) => ({ ...one, reason: `${one.reason}: ${consequence}` }));
  });
}

/** What differs; nothing that the checkpoint does not know. */
function differences(
  { key, name, diskGb }: DeployedVm,
  now: LibvirtDisk,
  wanted: { pool: string; diskGb: number; volumes: VmNames },
): Refused[] {
  const { root, base } = wanted.volumes;
  const known = (value: string | number) => value !== "" && value !== 0;
  const renamed = known(now.root) && now.root !== root;
  // The name of the volume with the image has the VM's name in it, too.
  const image = !renamed && known(now.base) && now.base !== base;
  const asked: [boolean, Refused][] = [
    [
      known(diskGb) && diskGb !== wanted.diskGb,
      { key: `vms.${key}.disk_size_gb`, reason: `is ${wanted.diskGb}, and the disk has ${diskGb} GiB` },
    ],
    [
      known(now.pool) && now.pool !== wanted.pool,
      { key: "vm.pool", reason: `is ${wanted.pool}, and the disk of ${key} lies in ${now.pool}` },
    ],
    [renamed, { key: `vms.${key}.vm_name`, reason: `makes the VM ${root.replace(/\.qcow2$/, "")}, and it is ${name}` }],
    [image, { key: "vm.image.sha256", reason: `is another image than the one below the disk of ${key}, ${now.base}` }],
  ];
  return asked.flatMap(([differs, refused]) => (differs ? [refused] : []));
}
