/**
 * Physical names of a pool's VMs: what a hypervisor, NetBox and people see on metal that environments share. Logical names
 * are the keys of `vms`; state and contracts use those. Pure.
 */

/** Where a prefix may come from, the first that is not empty wins. */
export interface PrefixSources {
  /** `name_prefix` of the stack. */
  namePrefix: string;
  /** `context_id` of the stack. */
  contextId: string;
  /** The environment, for example `dev`. */
  env: string;
}

/** A VM as far as its name goes. */
export interface NamedVm {
  /** Logical name. */
  key: string;
  /** Exact physical name, where somebody insists on one. */
  vmName?: string | undefined;
}

/** Logical names: they become part of host names, tags and addresses' identities. */
export const logicalName = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** What every system takes as the name of a machine (RFC 1123, one label). */
const hostLabel = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** The prefix that applies. Sources are never joined: one says it. */
export function namePrefix({ namePrefix, contextId, env }: PrefixSources): string {
  return [namePrefix, contextId, env].map((source) => source.trim()).find((source) => source !== "") ?? "";
}

/** The physical name: exact where it is given, else prefixed, and never with the same prefix twice. */
export function physicalName({ key, vmName }: NamedVm, prefix: string): string {
  if (vmName !== undefined) return vmName;
  return prefix === "" || key.startsWith(`${prefix}-`) ? key : `${prefix}-${key}`;
}

/**
 * Names of a whole pool.
 * @returns physical names by logical name, or everything that is wrong with them, by configuration key.
 */
export function planNames(
  vms: readonly NamedVm[],
  prefix: string,
): { names: Record<string, string> } | { problems: { key: string; reason: string }[] } {
  const problems: { key: string; reason: string }[] = [];
  const owners = new Map<string, string>();
  for (const vm of vms) {
    const name = physicalName(vm, prefix);
    const where = vm.vmName === undefined ? `vms.${vm.key}` : `vms.${vm.key}.vm_name`;
    if (!hostLabel.test(name)) problems.push({ key: where, reason: illegal(name, vm, prefix) });
    // A file system, DNS and Proxmox's tags tell case apart in different ways: names that differ in case alone are one.
    const other = owners.get(name.toLowerCase());
    if (other !== undefined) {
      problems.push({
        key: where,
        reason: `gives the physical name ${name}, which inputs.vms.${other} has already; set vms.${vm.key}.vm_name to another`,
      });
    }
    owners.set(name.toLowerCase(), other ?? vm.key);
  }
  if (problems.length > 0) return { problems };
  return { names: Object.fromEntries(vms.map((vm) => [vm.key, physicalName(vm, prefix)])) };
}

function illegal(name: string, { vmName }: NamedVm, prefix: string): string {
  const whole = `the physical name ${name}`;
  if (name.length > 63) {
    const mend = vmName === undefined ? `shorten it, or the prefix ${prefix}` : "shorten it";
    return `${whole} has ${name.length} characters, 63 are allowed; ${mend}`;
  }
  return `${whole} is no host name: letters, digits and hyphens, beginning and ending with a letter or digit`;
}
