/**
 * What an update leaves that was cut off between a VM's clone and its first configuration: a VM with our name and, from the
 * request that cloned it, our description, and with its template's tags and settings. Where the engine was killed the state does
 * not know it, and no update could go on: the name is taken. Nothing was ever done with it, so it is removed and cloned anew.
 */
import { proxmoxOwner } from "../../lib/owner-mark.ts";
import type { ProxmoxApi } from "../../lib/proxmox/api.ts";
import { type ClusterVm, nameOf, ownerInDescription, powerState, vmConfig, withConfigs } from "./cluster.ts";
import { destroyVm, waitUntilUnlocked } from "./destroy-vm.ts";

/** How long the cluster may go on with a clone that nobody waits for any more; one of a large disk takes minutes. */
const cloningMs = 600_000;

/** What cloud-init is told. A VM of ours is told other things than its template, from its first configuration on. */
const cloudInitKey = /^(ci[a-z]+|sshkeys|ipconfig\d+|nameserver|searchdomain)$/;

function cloudInitOf({ config }: ClusterVm): string | undefined {
  if (config === undefined) return undefined;
  const told = Object.entries(config).filter(([key]) => cloudInitKey.test(key));
  return JSON.stringify(told.sort());
}

/**
 * Whether a VM is such a clone: described as ours, never configured, and not at work. Pure.
 * @param vm with its configuration.
 * @param there the cluster's VMs, with the configurations of the templates among them.
 */
export function isInterruptedClone(vm: ClusterVm, owner: string, there: readonly ClusterVm[]): boolean {
  return (
    ownerInDescription(vm) === owner &&
    proxmoxOwner(vm.tags ?? "") !== owner &&
    Number(vm.template ?? 0) === 0 &&
    vm.status === "stopped" &&
    (vm.config?.lock === undefined || vm.config.lock === "clone") &&
    there.some((template) => Number(template.template) === 1 && cloudInitOf(template) === cloudInitOf(vm))
  );
}

/**
 * The VMs of a cluster as far as it takes to know whose they are: with the configurations of those that somebody asks for and
 * whose tags do not carry the owner's mark, and where one of those is described as the owner's, of the templates.
 */
export async function lookedAt(
  api: ProxmoxApi,
  vms: readonly ClusterVm[],
  owner: string,
  asked: (vm: ClusterVm) => boolean,
): Promise<ClusterVm[]> {
  const known = await withConfigs(api, vms, owner, asked);
  if (!known.some((vm) => ownerInDescription(vm) === owner)) return known;
  return withConfigs(api, known, owner, (vm) => vm.config === undefined && Number(vm.template) === 1);
}

/** What is said of one that the state does not know. */
export function leftClone(vm: ClusterVm): string {
  return `${nameOf(vm)} is a clone that an update left which was cut off before it configured it`;
}

/**
 * Removes one, once the cluster works on it no more and it is what it was taken for still.
 * @param there the cluster's VMs, with the configurations of the templates among them.
 * @throws Error when it is not, or does not come free in time.
 */
export async function removeInterrupted(
  api: ProxmoxApi,
  vm: ClusterVm,
  { owner, there }: { owner: string; there: readonly ClusterVm[] },
): Promise<void> {
  const { node, vmid } = vm;
  if (!(await waitUntilUnlocked(api, vm, cloningMs))) return;
  const [config, { status }] = await Promise.all([
    vmConfig(api, node, vmid),
    api.get(`/nodes/${node}/qemu/${vmid}/status/current`, powerState),
  ]);
  if (config === undefined) return;
  const now: ClusterVm = { ...vm, status, tags: String(config.tags ?? ""), config };
  if (config.lock !== undefined || !isInterruptedClone(now, owner, there)) {
    throw new Error(
      `${leftClone(vm)}, and something has changed or still works on it${config.lock === undefined ? "" : ` (lock: ${config.lock})`}; ` +
        "nothing was removed: look at it in the node's task list, then the same command again",
    );
  }
  await destroyVm(api, vm);
}
