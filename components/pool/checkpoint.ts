/**
 * What a pool's own last checkpoint has: the VMs that stand, whatever came of the last run.
 */
import { checkpointResources, type RecordedResource } from "../preflight/recorded.ts";
import { vmType } from "./state-names.ts";

/** A VM as the checkpoint has it. */
export interface StandingVm {
  /** Logical name. */
  key: string;
  /** Physical name; empty where it is not known. */
  name: string;
  /** GiB of the root disk; 0 where it is not known. */
  diskGb: number;
  /** The hypervisor's id; absent where it is not known. */
  vmId?: number;
}

/** What stands before the logical name in a VM's name in the state, and behind it. */
const resourceName = /^vm-(.+)-vm$/;

/** The VMs among a state's resources, by URN. */
export function standingVms(resources: Readonly<Record<string, RecordedResource>>): StandingVm[] {
  return Object.entries(resources).flatMap(([urn, { type, outputs }]) => {
    const key = resourceName.exec(urn.split("::").at(-1) ?? "")?.[1];
    if (type !== vmType || key === undefined) return [];
    const { name, disks, vmId } = (outputs ?? {}) as {
      name?: unknown;
      vmId?: unknown;
      disks?: { interface?: string; size?: number }[];
    };
    const root = disks?.find((disk) => disk.interface === "scsi0");
    const facts = { key, name: typeof name === "string" ? name : "", diskGb: root?.size ?? 0 };
    return [vmId === undefined ? facts : { ...facts, vmId: Number(vmId) }];
  });
}

/** The VMs of the running stack. */
export async function standing(): Promise<StandingVm[]> {
  return standingVms(await checkpointResources());
}

/** Disks that a plan would make smaller, in words: no hypervisor takes a part of a disk away. */
export function shrinks(
  standing: readonly StandingVm[],
  planned: readonly { key: string; diskGb: number }[],
): { key: string; reason: string }[] {
  return planned.flatMap(({ key, diskGb }) => {
    const now = standing.find((vm) => vm.key === key)?.diskGb ?? 0;
    if (diskGb >= now) return [];
    return [
      {
        key: `vms.${key}.disk_size_gb`,
        reason: `is ${diskGb}, and the disk has ${now} GiB; a disk is never made smaller. Set ${now} or more, or make another VM`,
      },
    ];
  });
}
