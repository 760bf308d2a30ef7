/**
 * The VMs of a pool on Proxmox VE in its state. Pure.
 */
import { vmPart, vmType } from "../../../components/pool/state-names.ts";
import { type DeployedVm, resourceName, type StateResources, textOf } from "../../deployed.ts";

/** A VM on Proxmox VE as the state has it; its node is absent where it is not known. */
export interface ProxmoxDeployedVm extends DeployedVm {
  placement: "proxmox";
  /** The template that it is a clone of; absent where it is not known. */
  templateVmId?: number;
  /** The snippet that is its user data; empty where Proxmox VE makes that up; absent where it is not known. */
  userData?: string;
}

interface VmOutputs {
  name?: unknown;
  vmId?: unknown;
  disks?: { interface?: string; size?: number }[];
  initialization?: { userDataFileId?: unknown };
  nodeName?: unknown;
  clone?: { vmId?: unknown };
  protection?: unknown;
}

export function deployedOnProxmox(resources: StateResources): ProxmoxDeployedVm[] {
  return Object.entries(resources).flatMap(([urn, { type, outputs }]) => {
    const found = vmPart(resourceName(urn));
    return type === vmType && found?.part === "" ? [deployedVm(found.key, (outputs ?? {}) as VmOutputs)] : [];
  });
}

function deployedVm(key: string, outputs: VmOutputs): ProxmoxDeployedVm {
  const { name, disks, vmId, initialization, nodeName, clone, protection } = outputs;
  const root = disks?.find((disk) => disk.interface === "scsi0");
  return {
    ...{ placement: "proxmox", key, name: textOf(name), diskGb: root?.size ?? 0 },
    ...(initialization && { userData: textOf(initialization.userDataFileId) }),
    ...(typeof nodeName === "string" && nodeName !== "" ? { node: nodeName } : {}),
    ...(clone?.vmId === undefined ? {} : { templateVmId: Number(clone.vmId) }),
    ...(vmId === undefined ? {} : { vmId: Number(vmId) }),
    ...(protection === true ? { protected: true } : {}),
  };
}

/** Those on Proxmox VE among all that stand. */
export function onProxmox(deployed: readonly DeployedVm[]): ProxmoxDeployedVm[] {
  return deployed.filter((vm): vm is ProxmoxDeployedVm => vm.placement === "proxmox");
}
