/**
 * `holdfast:proxmox:PoolGuard`: keeps a VM that took the id of one of a pool's from being deleted in its place. The provider
 * knows a VM by its id alone, and a destroy runs no program that could look; this resource depends on the pool's VMs, so that
 * its own delete, which looks, comes before theirs.
 */
import { z } from "zod";
import { forgetCommand } from "../../components/pool/state-names.ts";
import type { Operation, ResourceKind } from "../kind.ts";
import { proxmoxApi } from "./api.ts";
import { clusterVms, nameOf, notOurs } from "./cluster.ts";

const guardedVm = z.strictObject({
  /** Logical name. */
  key: z.string().min(1),
  /** Physical name. */
  name: z.string().min(1),
  /** Proxmox VE's id. */
  vmId: z.number(),
});

const inputs = z.strictObject({
  /** Owner mark of the pool. */
  owner: z.string().min(1),
  vms: z.array(guardedVm),
});

type Guard = z.infer<typeof inputs>;

export const poolGuard: ResourceKind<Guard> = {
  type: "holdfast:proxmox:PoolGuard",
  inputs,
  secrets: [],
  computed: [],
  replaceOn: [],

  async create(given) {
    return { id: "guard", state: given };
  },

  async read(id, state) {
    if (!state) throw new Error("a guard cannot be imported; `pulumi up` makes it anew");
    const { drift: _, stateVersion: __, ...known } = state;
    return { id, state, inputs: inputs.parse(known) };
  },

  /** VMs that leave the pool, or get another id, are deleted behind this update. */
  async update(_id, state, given, operation) {
    const staying = new Set(given.vms.map(({ vmId }) => vmId));
    const leaving = state.vms.filter(({ vmId }) => !staying.has(vmId));
    if (leaving.length > 0) await refuseTheirs({ owner: state.owner, vms: leaving }, operation);
    return given;
  },

  async delete(_id, state, operation) {
    await refuseTheirs(state, operation);
  },
};

/** @throws when a VM that would be deleted now is somebody else's, naming all of them. */
async function refuseTheirs({ owner, vms }: Guard, operation: Operation): Promise<void> {
  const there = new Map((await clusterVms(proxmoxApi(operation))).map((vm) => [vm.vmid, vm]));
  const [stack = "", project = ""] = operation.urn.replace(/^urn:pulumi:/, "").split("::");
  const theirs = vms.flatMap(({ key, name, vmId }) => {
    const vm = there.get(vmId);
    const why = vm && notOurs(vm, { name, owner });
    if (!why) return [];
    const forget = forgetCommand({ project, stack }, key);
    return [`\n  - ${nameOf(vm)} has the id that the state has for ${key}, and ${why}; ours is gone: ${forget}`];
  });
  if (theirs.length > 0) throw new Error(`nothing was deleted:${theirs.join("")}\nThen the same command`);
}
