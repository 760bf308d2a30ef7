/**
 * What the VMs of a pool are called in their stack's state: a contract, since states are kept. No Pulumi: the plugin says
 * these names, too.
 */

/** Type of a VM on Proxmox VE. */
export const vmType = "proxmoxve:index/vmLegacy:VmLegacy";

/** Types of what a VM on libvirt consists of. */
export const libvirtTypes = { domain: "libvirt:index/domain:Domain", volume: "libvirt:index/volume:Volume" } as const;

/** Type of the component around a VM on libvirt. */
export const libvirtPoolVmType = "holdfast:components:LibvirtPoolVm";

/** Name of a VM's component. */
export function componentName(key: string): string {
  return `vm-${key}`;
}

/** Type of a host key that a stack made. */
export const hostKeyType = "holdfast:ssh:HostKey";

/** A part of a VM in its stack's state; empty is the VM itself, or on libvirt the component around its parts. */
export type VmPart = "" | "domain" | "root" | "base" | "host-key";

/** Which resource of a pool's VM a name in its state means. */
export function vmPart(name: string): { key: string; part: VmPart } | undefined {
  const [, key, part = ""] = /^vm-(.+)-vm(?:-(domain|root|base|host-key))?$/.exec(name) ?? [];
  return key === undefined ? undefined : { key, part: part as VmPart };
}

/**
 * The command that takes a VM out of its stack's state, and with it what looks at it: the guard and the gate, which the next
 * update makes anew. Nothing on the hypervisor is touched.
 */
export function forgetCommand({ project, stack }: { project: string; stack: string }, key: string): string {
  const urn = `urn:pulumi:${stack}::${project}::holdfast:components:ProxmoxVm$${vmType}::${componentName(key)}-vm`;
  return `pulumi state delete --yes --target-dependents --stack ${stack} '${urn}', in ${project}/`;
}
