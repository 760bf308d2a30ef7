/**
 * What is asked of a cluster in several places: its VMs, by name and by id, and who is linked to a template.
 */
import { z } from "zod";
import { describedOwner, ownerDescription, proxmoxOwner } from "../../lib/owner-mark.ts";
import type { ProxmoxApi } from "../../lib/proxmox/api.ts";
import { ProxmoxError } from "../../lib/proxmox/errors.ts";

/** A VM or template as the whole cluster lists it. Only those that the token may see. */
export interface ClusterVm {
  vmid: number;
  node: string;
  type: string;
  name?: string | undefined;
  tags?: string | undefined;
  template?: number | undefined;
  status?: string | undefined;
  /** Its configuration, where somebody has asked for it: the list has none. */
  config?: Readonly<Record<string, unknown>> | undefined;
}

// Numbers come as text from some versions.
const clusterVm: z.ZodType<ClusterVm> = z.object({
  vmid: z.coerce.number().int().positive(),
  node: z.string().min(1),
  type: z.string(),
  name: z.string().optional(),
  tags: z.string().optional(),
  template: z.coerce.number().optional(),
  status: z.string().optional(),
});
/** How a VM stands: `running`, `stopped`. */
export const powerState = z.object({ status: z.string() });
const settings = z.record(z.string(), z.unknown());
const storedVolume = z.object({ volid: z.string(), vmid: z.coerce.number().optional().catch(undefined) });

/** Every VM and template of the cluster that the token may see. */
export async function clusterVms(api: ProxmoxApi): Promise<ClusterVm[]> {
  return api.get("/cluster/resources", z.array(clusterVm), { type: "vm" });
}

/** A VM in messages: `VM 100 (mail) on node pve1`. */
export function nameOf({ vmid, name, node, template }: ClusterVm): string {
  return `${Number(template) === 1 ? "template" : "VM"} ${vmid} (${name ?? "without a name"}) on node ${node}`;
}

/** The owner mark in a VM's description, where its configuration is known. A clone has it before it has tags of its own. */
export function ownerInDescription({ config }: ClusterVm): string | undefined {
  return describedOwner(String(config?.description ?? ""));
}

/**
 * Why a VM under an id that a state has is not the VM that the state means; undefined when it is. Tags alone do not say so: a
 * clone has its template's until it is configured. One without any mark is ours when it has our name.
 * @param vm with its configuration, where its tags do not carry our mark.
 */
export function notOurs(vm: ClusterVm, ours: { name: string; owner: string }): string | undefined {
  const theirs = proxmoxOwner(vm.tags ?? "");
  if (theirs === ours.owner || ownerInDescription(vm) === ours.owner) return undefined;
  if (theirs !== undefined) return `belongs to ${theirs}`;
  return vm.name?.toLowerCase() === ours.name.toLowerCase() ? undefined : "does not carry our mark";
}

/**
 * What to do about a VM under an id that a state has which is not the VM that the state means. First of all to look: a VM whose
 * marks somebody took away is ours all the same, and nothing would know it any more.
 * @param forget the command that takes ours out of the state.
 */
export function adviceOnUsurper({ vmid, node }: ClusterVm, owner: string, forget: string): string {
  return (
    `look at it first. Where it is ours and has lost its mark, on node ${node}: ` +
    `qm set ${vmid} --description '${ownerDescription(owner)}'. Where it is not, ours is gone: ${forget}`
  );
}

/** The VMs with the configuration of those that somebody asks for and whose tags do not carry the owner's mark. */
export function withConfigs(
  api: ProxmoxApi,
  vms: readonly ClusterVm[],
  owner: string,
  asked: (vm: ClusterVm) => boolean,
): Promise<ClusterVm[]> {
  return Promise.all(
    vms.map(async (vm) => {
      if (!asked(vm) || vm.type !== "qemu" || proxmoxOwner(vm.tags ?? "") === owner) return vm;
      const config = await vmConfig(api, vm.node, vm.vmid);
      return config === undefined ? vm : { ...vm, config };
    }),
  );
}

/** The configuration of a VM; undefined when there is none of that id on the node. */
export async function vmConfig(
  api: ProxmoxApi,
  node: string,
  vmid: number,
): Promise<Record<string, unknown> | undefined> {
  return api.get(`/nodes/${node}/qemu/${vmid}/config`, settings).catch((error: Error) => {
    if (error instanceof ProxmoxError && error.missing) return undefined;
    throw error;
  });
}

/**
 * Ids of the VMs with a disk that stands on one of the template's: `base-9000-disk-0/vm-105-disk-0`. A full clone keeps no
 * trace of where it came from, and needs the template no more; nor does a linked clone on LVM-thin, whose volumes are
 * independent of each other.
 */
export async function linkedClones(
  api: ProxmoxApi,
  node: string,
  vmid: number,
  config: Readonly<Record<string, unknown>>,
): Promise<number[]> {
  const base = new RegExp(`^([\\w.-]+):(?:\\d+/)?base-${vmid}-`);
  const storages = new Set(Object.values(config).flatMap((value) => base.exec(String(value))?.[1] ?? []));
  const onBase = new RegExp(`[:/]base-${vmid}-[^/]+/`);
  const clones = new Set<number>();
  for (const storage of storages) {
    const path = `/nodes/${node}/storage/${storage}/content`;
    const volumes = await api.get(path, z.array(storedVolume), { content: "images" });
    for (const volume of volumes) {
      if (onBase.test(volume.volid)) clones.add(Number(volume.vmid ?? /vm-(\d+)-/.exec(volume.volid)?.[1]));
    }
  }
  return [...clones].sort((a, b) => a - b);
}

/** The same as a list for messages, with who they are; undefined when there is none. */
export async function describeClones(
  api: ProxmoxApi,
  node: string,
  vmid: number,
  config: Readonly<Record<string, unknown>>,
): Promise<string | undefined> {
  const ids = await linkedClones(api, node, vmid, config);
  if (ids.length === 0) return undefined;
  const vms = new Map((await clusterVms(api)).map((vm) => [vm.vmid, vm]));
  const list = ids.map((id) => `\n  - ${nameOf(vms.get(id) ?? { vmid: id, node, type: "qemu" })}`).join("");
  const many = ids.length === 1 ? "clone" : "clones";
  return `template ${vmid} (${config.name}) on node ${node} has ${ids.length} linked ${many}:${list}`;
}
