/**
 * `holdfast:proxmox:TemplateGuard`: keeps a template while VMs are linked to it, and keeps a VM that took the template's id
 * from being deleted in its place. A destroy runs no program, so what it must not do is refused here: this resource depends
 * on the template, so that its delete comes first.
 */
import { proxmoxOwner, proxmoxTag } from "../../lib/owner-mark.ts";
import { proxmoxApi } from "../../lib/proxmox/api.ts";
import { templateGuardKind } from "../../resources/proxmox/template-guard.ts";
import { implement } from "../kind.ts";
import { describeClones, vmConfig } from "./cluster.ts";
import { adviceOnLostMark } from "./template-collision.ts";

/** Confirms one command: holds the template's name. */
const confirmation = "HOLDFAST_ALLOW_DESTROY_WITH_CLONES";

/** Whether a template may be deleted while VMs are linked to it: by what an `up` recorded, or for this command. */
export function isConfirmed(recorded: boolean, templateName: string): boolean {
  return recorded || process.env[confirmation] === templateName;
}

/** What to do about linked clones. */
export function adviceOnClones(templateName: string): string {
  return (
    "Their disks stand on the template's. Destroy them first, or make them independent (qm move-disk); or confirm with " +
    `${confirmation}=${templateName}. Full clones cannot be told, and need it no more.`
  );
}

export const templateGuard = implement(templateGuardKind, {
  async create(given) {
    return { id: `${given.node}/${given.vmId}/guard`, state: given };
  },

  /** The template's own drift is its provider's to see. This one says what that cannot: why nobody is let in. */
  async read(id, state, operation) {
    if (!state) throw new Error("a guard cannot be imported; `pulumi up` makes it anew");
    await vmConfig(proxmoxApi(operation), state.node, state.vmId);
    const { drift: _, stateVersion: __, ...known } = state;
    return { id, state, inputs: templateGuardKind.inputs.parse(known) };
  },

  async update(_id, _state, given) {
    return given;
  },

  async delete(_id, state, operation) {
    const { node, vmId, templateName, owner } = state;
    const api = proxmoxApi(operation);
    const config = await vmConfig(api, node, vmId);
    if (!config) return;
    const found = proxmoxOwner(String(config.tags ?? ""));
    if (found !== owner) {
      const whose = found ? `is marked as ${found}'s` : "does not carry its owner mark";
      throw new Error(
        `nothing was deleted: VM ${vmId} (${config.name}) on node ${node} ${whose}, and is not ours to delete; ` +
          adviceOnLostMark({ vmid: vmId, node }, [proxmoxTag(owner)]),
      );
    }
    const what = await describeClones(api, node, vmId, config);
    if (what === undefined) return;
    if (isConfirmed(state.allowDestroyWithClones, templateName)) {
      operation.log("warning", `${what}\nDeleting it was allowed all the same; Proxmox VE has the last word.`);
      return;
    }
    throw new Error(`nothing was deleted: ${what}\n${adviceOnClones(templateName)}`);
  },
});
