/**
 * What a pool's own last checkpoint has: the VMs that stand, whatever came of the last run.
 */
import { checkpointResources, type RecordedResource } from "../../lib/preflight/recorded.ts";
import { componentName, libvirtTypes, vmPart, vmType } from "./state-names.ts";

/** A VM as the checkpoint has it. */
export interface DeployedVm {
  /** Logical name. */
  key: string;
  /** Physical name; empty where it is not known. */
  name: string;
  /** GiB of the root disk; 0 where it is not known. */
  diskGb: number;
  /** The hypervisor's id: a number on Proxmox VE, a UUID on libvirt; absent where it is not known, as the latter in a program. */
  vmId?: number | string;
  /** On Proxmox VE: the node that carries it, and the template that it is a clone of; absent where they are not known. */
  nodeName?: string;
  templateVmId?: number;
  /** On Proxmox VE: the snippet that is its user data; empty where Proxmox VE makes that up; absent where it is not known. */
  userData?: string;
  /** On libvirt: the disk and where it lies; empty texts where that is not known. */
  libvirt?: LibvirtDisk;
}

/** The root disk of a VM on libvirt. */
export interface LibvirtDisk {
  /** Address of the host. */
  node: string;
  /** Storage pool. */
  pool: string;
  /** Volume of the root disk. */
  root: string;
  /** Volume with the image below it; its name has the image's digest. */
  base: string;
}

type Resources = Readonly<Record<string, RecordedResource>>;

/** The VMs among a state's resources, by URN. */
export function deployedVms(resources: Resources): DeployedVm[] {
  const byUrn = Object.entries(resources);
  const onProxmox = byUrn.flatMap(([urn, { type, outputs }]) => {
    const found = vmPart(nameIn(urn));
    return type === vmType && found?.part === "" ? [proxmoxVm(found.key, (outputs ?? {}) as ProxmoxOutputs)] : [];
  });
  const parts = byUrn.flatMap(([urn, { type, id, outputs }]) => {
    const found = vmPart(nameIn(urn));
    const is = Object.values<unknown>(libvirtTypes).includes(type) && found && found.part !== "";
    return is ? [{ ...found, outputs: { ...(outputs as LibvirtOutputs), id } }] : [];
  });
  // A domain that is gone may have left its disk, and with it what people put there.
  const keys = new Set(parts.filter(({ part }) => part !== "base").map(({ key }) => key));
  const onLibvirt = [...keys].map((key) => {
    const of = (part: string) => parts.find((one) => one.key === key && one.part === part)?.outputs ?? {};
    const component = byUrn.find(([urn]) => nameIn(urn) === componentName(key))?.[1].outputs as LibvirtOutputs;
    return libvirtVm(key, { domain: of("domain"), root: of("root"), base: of("base"), component: component ?? {} });
  });
  return [...onProxmox, ...onLibvirt];
}

/** A resource's name in its URN. */
function nameIn(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

interface ProxmoxOutputs {
  name?: unknown;
  vmId?: unknown;
  disks?: { interface?: string; size?: number }[];
  initialization?: { userDataFileId?: unknown };
  nodeName?: unknown;
  clone?: { vmId?: unknown };
}

function proxmoxVm(key: string, { name, disks, vmId, initialization, nodeName, clone }: ProxmoxOutputs): DeployedVm {
  const root = disks?.find((disk) => disk.interface === "scsi0");
  const facts = {
    ...{ key, name: text(name), diskGb: root?.size ?? 0 },
    ...(initialization && { userData: text(initialization.userDataFileId) }),
    ...(typeof nodeName === "string" && nodeName !== "" ? { nodeName } : {}),
    ...(clone?.vmId === undefined ? {} : { templateVmId: Number(clone.vmId) }),
  };
  return vmId === undefined ? facts : { ...facts, vmId: Number(vmId) };
}

interface LibvirtOutputs {
  id?: unknown;
  name?: unknown;
  pool?: unknown;
  size?: unknown;
  node?: unknown;
}

function libvirtVm(
  key: string,
  { domain, root, base, component }: Record<"domain" | "root" | "base" | "component", LibvirtOutputs>,
): DeployedVm {
  const vmId = text(domain.id);
  return {
    key,
    name: text(domain.name) || text(root.name).replace(/\.qcow2$/, ""),
    diskGb: typeof root.size === "number" ? root.size / 1024 ** 3 : 0,
    ...(vmId === "" ? {} : { vmId }),
    libvirt: { node: text(component.node), pool: text(root.pool), root: text(root.name), base: text(base.name) },
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The VMs of the running stack. */
export async function deployed(): Promise<DeployedVm[]> {
  return deployedVms(await checkpointResources());
}
