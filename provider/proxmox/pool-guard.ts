/**
 * `holdfast:proxmox:PoolGuard`: keeps a VM that took the id of one of a pool's from being deleted in its place. The provider
 * knows a VM by its id alone, and a destroy runs no program that could look; this resource depends on the pool's VMs, so that
 * its own delete, which looks, comes before theirs.
 */
import { forgetCommand } from "../../components/pool/state-names.ts";
import { proxmoxApi } from "../../lib/proxmox/api.ts";
import { type PoolGuardInputs, poolGuardKind } from "../../resources/proxmox/pool-guard.ts";
import { implement, type Operation } from "../kind.ts";
import { adviceOnUsurper, type ClusterVm, clusterVms, nameOf, notOurs } from "./cluster.ts";
import { isInterruptedClone, leftClone, lookedAt } from "./interrupted.ts";

export const poolGuard = implement(poolGuardKind, {
  async create(given) {
    return { id: "guard", state: given };
  },

  async read(id, state) {
    if (!state) throw new Error("a guard cannot be imported; `pulumi up` makes it anew");
    const { drift: _, stateVersion: __, ...known } = state;
    return { id, state, inputs: poolGuardKind.inputs.parse(known) };
  },

  /** VMs that leave the pool, or get another id, are deleted behind this update. */
  async update(_id, state, given, operation) {
    const staying = new Set(given.vms.map(({ vmId }) => vmId));
    const leaving = state.vms.filter(({ vmId }) => !staying.has(vmId));
    if (leaving.length > 0) await refuseTheirs({ owner: state.owner, vms: leaving }, operation);
    return given;
  },

  async delete(_id, state, operation) {
    const there = await refuseTheirs(state, operation);
    const known = new Set(state.vms.map(({ vmId }) => vmId));
    for (const vm of there.filter(({ vmid }) => !known.has(vmid))) {
      if (!isInterruptedClone(vm, state.owner, there)) continue;
      // One that failed is in the state, and goes too; one whose engine was killed is not, and which this is cannot be told.
      operation.log(
        "warning",
        `${leftClone(vm)}. Where it is there after this destroy: qm destroy ${vm.vmid} --purge on node ${vm.node}; the next update would remove it too`,
      );
    }
  },
});

/**
 * @returns the VMs of the cluster, with the configurations of those that may be ours.
 * @throws when a VM that would be deleted now is somebody else's, naming all of them.
 */
async function refuseTheirs({ owner, vms }: PoolGuardInputs, operation: Operation): Promise<ClusterVm[]> {
  const api = proxmoxApi(operation);
  const ids = new Set(vms.map(({ vmId }) => vmId));
  const listed = await clusterVms(api);
  const there = await lookedAt(api, listed, owner, (vm) => ids.has(vm.vmid) || mayBeClone(vm, listed));
  const [stack = "", project = ""] = operation.urn.replace(/^urn:pulumi:/, "").split("::");
  const theirs = vms.flatMap(({ key, name, vmId }) => {
    const vm = there.find(({ vmid }) => vmid === vmId);
    const why = vm && notOurs(vm, { name, owner });
    if (!why) return [];
    const advice = adviceOnUsurper(vm, owner, forgetCommand({ project, stack }, key));
    return [`\n  - ${nameOf(vm)} has the id that the state has for ${key}, and ${why}; ${advice}`];
  });
  if (theirs.length > 0) throw new Error(`nothing was deleted:${theirs.join("")}\nThen the same command`);
  return there;
}

/** Whether a VM has the tags of a template, and is none: what was cloned and not configured has them. */
function mayBeClone({ tags, template, status }: ClusterVm, listed: readonly ClusterVm[]): boolean {
  if (Number(template ?? 0) === 1 || status !== "stopped") return false;
  return listed.some((one) => Number(one.template) === 1 && (one.tags ?? "") === (tags ?? ""));
}
