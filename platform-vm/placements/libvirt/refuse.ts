/**
 * Changes of a pool on a libvirt host that would take away what is on the disks of VMs that stand. They are refused in words,
 * before anything is touched. Pure.
 */
import { vmNames } from "../../../components/vm/plan.ts";
import type { VmNames } from "../../../resources/host/preflight.ts";
import type { DeployedVm } from "../../deployed.ts";
import type { PlannedPool } from "../../planned.ts";
import { noVmMoves, type Refusals, type Refused } from "../../refused.ts";
import { type LibvirtDeployedVm, onLibvirt } from "./deployed.ts";
import type { LibvirtPart } from "./plan.ts";

/** @param stack name of the stack, for the command that makes the VMs anew. */
export function refuseOnLibvirt(
  deployed: readonly DeployedVm[],
  plan: PlannedPool & LibvirtPart,
  stack: string,
): Refusals {
  return { always: otherHost(deployed, plan.host), rebuildOnly: lostDisks(deployed, plan, stack) };
}

/** VMs that stand on another host: none moves. */
export function otherHost(deployed: readonly DeployedVm[], { host }: { host: string }): Refused[] {
  const away = onLibvirt(deployed).filter(({ node }) => node !== "" && node !== host);
  const [first] = away;
  if (!first) return [];
  const keys = away.map(({ key }) => key).join(", ");
  return [{ key: "host.address", reason: `is ${host}, and ${keys} stand on ${first.node}. ${noVmMoves}` }];
}

/** The disks that a plan wants on a libvirt host. */
export interface WantedDisks {
  storagePool: string;
  image: { sha256: string };
  vms: readonly { key: string; name: string; diskGb: number }[];
}

/**
 * Root disks that libvirt would replace by new ones: it resizes none, and lays none over another image.
 * @param stack name of the stack, for the command that makes the VMs anew.
 */
export function lostDisks(
  deployed: readonly DeployedVm[],
  { storagePool, image, vms }: WantedDisks,
  stack: string,
): Refused[] {
  const consequence = `libvirt would make a new, empty disk, and what is on this one would be lost. Put the value back; or, where that shall be: holdfast rebuild ${stack} --confirm ${stack}`;
  const here = onLibvirt(deployed);
  return vms.flatMap(({ key, name, diskGb }) => {
    const now = here.find((vm) => vm.key === key);
    if (!now) return [];
    const wanted = { storagePool, diskGb, volumes: vmNames(name, image.sha256) };
    return differences(now, wanted).map((one) => ({ ...one, reason: `${one.reason}: ${consequence}` }));
  });
}

/** What differs; nothing that the checkpoint does not know. */
function differences(
  { key, name, diskGb, ...now }: LibvirtDeployedVm,
  wanted: { storagePool: string; diskGb: number; volumes: VmNames },
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
      known(now.storagePool) && now.storagePool !== wanted.storagePool,
      { key: "vm.pool", reason: `is ${wanted.storagePool}, and the disk of ${key} lies in ${now.storagePool}` },
    ],
    [renamed, { key: `vms.${key}.vm_name`, reason: `makes the VM ${root.replace(/\.qcow2$/, "")}, and it is ${name}` }],
    [image, { key: "vm.image.sha256", reason: `is another image than the one below the disk of ${key}, ${now.base}` }],
  ];
  return asked.flatMap(([differs, refused]) => (differs ? [refused] : []));
}
