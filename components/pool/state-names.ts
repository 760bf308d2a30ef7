/**
 * What the VMs of a pool are called in their stack's state: a contract, since states are kept. No Pulumi: the plugin says
 * these names, too.
 */

/** Type of a VM. */
export const vmType = "proxmoxve:index/vmLegacy:VmLegacy";

/** Name of a VM's component. */
export function componentName(key: string): string {
  return `vm-${key}`;
}

/**
 * The command that takes a VM out of its stack's state, and with it what looks at it: the guard and the gate, which the next
 * update makes anew. Nothing on the hypervisor is touched.
 */
export function forgetCommand({ project, stack }: { project: string; stack: string }, key: string): string {
  const urn = `urn:pulumi:${stack}::${project}::holdfast:components:ProxmoxVm$${vmType}::${componentName(key)}-vm`;
  return `pulumi state delete --yes --target-dependents --stack ${stack} '${urn}', in ${project}/`;
}
