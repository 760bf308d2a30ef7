/**
 * Whether a VM of the cluster is in the way of a template: same name or same id, and not the template that the stack's state
 * has; and whether that one is still there. Pure.
 */

import { proxmoxOwner } from "../../lib/owner-mark.ts";
import type { WantedTemplate } from "../../resources/proxmox/preflight.ts";
import { type ClusterVm, nameOf } from "./cluster.ts";

/** What is in the way, and what to do about it. */
export interface Collision {
  found: string;
  fix: string;
}

/**
 * What to do about a VM under the id of a template of ours that does not carry our mark. First of all to look: a template whose
 * tags somebody took away is ours all the same, and nothing would know it any more.
 */
export function adviceOnLostMark({ vmid, node }: Pick<ClusterVm, "vmid" | "node">, tags: readonly string[]): string {
  return (
    `look at it first. Where it is ours, give it back its tags, on node ${node}: qm set ${vmid} --tags '${tags.join(";")}'. ` +
    "Where it is not, ours is gone: pulumi state delete --target-dependents <urn of the template>"
  );
}

/** Everything that is in the way of one template, on any node. */
export function collisions(wanted: WantedTemplate, owner: string, vms: readonly ClusterVm[]): Collision[] {
  const { key, name, vmId, recordedVmId } = wanted;
  const alike = vms.filter(({ vmid, name: found }) => vmid === vmId || vmid === recordedVmId || found === name);
  const gone = recordedVmId !== undefined && !vms.some(({ vmid }) => vmid === recordedVmId);
  const missing: Collision[] = gone
    ? [
        {
          found: `template ${recordedVmId} of ${key}, which this stack's state has, is not there any more, or not for the token to see`,
          fix: "where it was deleted, this makes it anew: pulumi refresh, then pulumi up",
        },
      ]
    : [];
  const inTheWay = alike.flatMap((vm) => {
    const what = nameOf(vm);
    const same = vm.vmid === vmId || vm.vmid === recordedVmId ? `has the id of ${key}` : `has the name of ${key}`;
    const mark = proxmoxOwner(vm.tags ?? "");
    const isTemplate = Number(vm.template) === 1;
    if (vm.vmid === recordedVmId) {
      // Ours by the state, too: another image makes another template of it, which the guard has a say in.
      if (mark === owner) return [];
      return [
        {
          found: `${what} ${same} in this stack's state, and ${mark ? `is marked as ${mark}'s` : "does not carry its owner mark"}`,
          fix: adviceOnLostMark(vm, wanted.tags),
        },
      ];
    }
    if (mark !== owner) {
      return [
        {
          found: `${what} ${same}, and ${mark ? `belongs to ${mark}` : "is not ours"}`,
          fix: `set templates.${key}.${vm.vmid === vmId ? "vmid" : "name"} to another one; it is neither used nor changed`,
        },
      ];
    }
    const tags = (vm.tags ?? "").split(/[;,\s]+/);
    const complete = isTemplate && wanted.tags.every((tag) => tags.includes(tag));
    return [
      {
        found: `${what} ${same} and our mark, but is not in this stack's state; ${complete ? "an update that made it was cut off" : isTemplate ? "it is made of another image" : "it never became a template"}`,
        fix: `look whether anything is linked to it, and delete it: qm destroy ${vm.vmid} on node ${vm.node}`,
      },
    ];
  });
  return [...missing, ...inTheWay];
}
