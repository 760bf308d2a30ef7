/**
 * `holdfast:proxmox:poolPreflight`: looks at a cluster before a pool's VMs are made, in previews too: no VM in the way is ever
 * adopted, and what is to be cloned is there and is a template. Every problem at once. An update removes clones that one left
 * which was cut off.
 */
import { forgetCommand } from "../../components/pool/state-names.ts";
import { proxmoxOwner } from "../../lib/owner-mark.ts";
import { type Check, refuseFailed } from "../../lib/preflight/check.ts";
import { type ProxmoxApi, proxmoxApi } from "../../lib/proxmox/api.ts";
import type { PoolPreflightArgs, WantedVm } from "../../resources/proxmox/pool-preflight.ts";
import { poolPreflightFunction } from "../../resources/proxmox/pool-preflight.ts";
import { implementFunction } from "../kind.ts";
import { adviceOnUsurper, type ClusterVm, clusterVms, nameOf, notOurs, ownerInDescription } from "./cluster.ts";
import { isInterruptedClone, leftClone, lookedAt, removeInterrupted } from "./interrupted.ts";
import { notReady } from "./node-checks.ts";
import { snippetStorage } from "./snippet-storage.ts";

export const poolPreflight = implementFunction(poolPreflightFunction, async (wanted, operation) => {
  const api = proxmoxApi(operation);
  const [looked, snippets] = await Promise.all([
    lookAtPool(api, wanted),
    wanted.snippets && snippetStorage(api, wanted.snippets),
  ]);
  refuseFailed(notReady(wanted.stack, api), [...looked.checks, ...(snippets?.checks ?? [])]);
  for (const { left, found } of looked.interrupted) {
    if (left && wanted.update) {
      await removeInterrupted(api, left, { owner: wanted.owner, there: looked.there });
      operation.log("info", `removed ${nameOf(left)}: an update that was cut off left it, cloned and not configured`);
    } else operation.log("info", found);
  }
  return snippets?.directory === undefined ? {} : { snippetsDirectory: snippets.directory };
});

/** What was found of a pool on its cluster. */
interface PoolFound {
  checks: Check[];
  /** Clones that an update left which was cut off, in words; `left` are those that the state does not know. */
  interrupted: { left?: ClusterVm; found: string }[];
  there: ClusterVm[];
}

/** Looks at the cluster's list of VMs. Never throws: a cluster that does not answer is a check too. */
export async function poolChecks(api: ProxmoxApi, wanted: PoolPreflightArgs): Promise<Check[]> {
  return (await lookAtPool(api, wanted)).checks;
}

async function lookAtPool(api: ProxmoxApi, wanted: PoolPreflightArgs): Promise<PoolFound> {
  const what = "the cluster says which VMs it has";
  const there = await clusterVms(api)
    .then((vms) => lookedAt(api, vms, wanted.owner, (vm) => wanted.vms.some((one) => isAlike(vm, one))))
    .catch((error: Error) => error);
  if (there instanceof Error) {
    return { checks: [{ what, status: "failed", found: there.message }], interrupted: [], there: [] };
  }
  const interrupted = wanted.vms.flatMap((vm) => interruptedClones(vm, wanted.owner, there));
  const checks = wanted.vms.flatMap((vm): Check[] => {
    const problems = inTheWay(vm, wanted, there);
    const what = `nobody else has the name ${vm.name}${vm.vmId === undefined ? "" : ` or the id ${vm.vmId}`}`;
    const found = interruptedClones(vm, wanted.owner, there).map((one) => one.found);
    return problems.length > 0
      ? problems
      : [{ what, status: "ok", ...(found.length > 0 && { found: found.join("; ") }) }];
  });
  return {
    checks: [...checks, ...wanted.templates.map((template) => templateCheck(template, there))],
    interrupted,
    there,
  };
}

/** Whether a VM has the name or an id of one that is wanted. */
function isAlike({ vmid, name }: ClusterVm, wanted: WantedVm): boolean {
  return vmid === wanted.recordedVmId || vmid === wanted.vmId || name?.toLowerCase() === wanted.name.toLowerCase();
}

/** Clones of one that is wanted that were never configured, and what comes of each. */
function interruptedClones(wanted: WantedVm, owner: string, there: readonly ClusterVm[]): PoolFound["interrupted"] {
  const clones = there.filter((vm) => isAlike(vm, wanted) && isInterruptedClone(vm, owner, there));
  return clones.map((vm) =>
    vm.vmid === wanted.recordedVmId
      ? { found: `${nameOf(vm)} was cloned and not configured yet: an update configures it` }
      : { left: vm, found: `${leftClone(vm)}; an update removes it and clones it anew` },
  );
}

/** VMs that have the name or the id of one that is wanted, and are not the one that the state has. */
export function inTheWay(
  wanted: WantedVm,
  { owner, stack }: Pick<PoolPreflightArgs, "owner" | "stack">,
  there: readonly ClusterVm[],
): Check[] {
  const others = there.filter((vm) => vm.vmid !== wanted.recordedVmId && !isInterruptedClone(vm, owner, there));
  const named = others.filter(({ name }) => name?.toLowerCase() === wanted.name.toLowerCase());
  const numbered = others.filter((vm) => vm.vmid === wanted.vmId && !named.includes(vm));
  return [
    ...named.map((vm) => collision(vm, "name", wanted, owner)),
    ...numbered.map((vm) => collision(vm, "id", wanted, owner)),
    ...there.filter(({ vmid }) => vmid === wanted.recordedVmId).flatMap((vm) => usurper(vm, wanted, owner, stack)),
  ];
}

/** Somebody else's VM under the id that the state has: ours is gone, and the provider would change or delete theirs. */
function usurper(vm: ClusterVm, wanted: WantedVm, owner: string, stack: string): Check[] {
  const why = notOurs(vm, { name: wanted.name, owner });
  if (why === undefined) return [];
  return [
    {
      what: `id ${vm.vmid} is still that of ${wanted.key}`,
      status: "failed",
      found: `${nameOf(vm)} has the id that the state has for inputs.vms.${wanted.key}, and ${why}`,
      fix: `it is neither used nor changed; ${adviceOnUsurper(vm, owner, forgetCommand(stackOf(stack), wanted.key))}`,
    },
  ];
}

/** `<project>/<stack>` in parts. */
function stackOf(text: string): { project: string; stack: string } {
  const [project = "", stack = ""] = text.split("/");
  return { project, stack };
}

function collision(vm: ClusterVm, of: "name" | "id", wanted: WantedVm, owner: string): Check {
  const what = `the ${of} of ${wanted.key} is free`;
  const has = `${nameOf(vm)} has the ${of} of inputs.vms.${wanted.key}`;
  const theirs = proxmoxOwner(vm.tags ?? "");
  if (theirs === owner || ownerInDescription(vm) === owner) {
    return {
      what,
      status: "failed",
      found: `${has} and our mark, and is not in this stack's state: an update that made it was cut off`,
      fix: `remove it where nothing of it is needed: qm destroy ${vm.vmid} --purge on node ${vm.node}, then the same command`,
    };
  }
  const key = of === "name" ? "vm_name" : "vm_id";
  return {
    what,
    status: "failed",
    found: `${has}, and ${theirs ? `belongs to ${theirs}` : "is not ours"}`,
    fix: `set vms.${wanted.key}.${key} to another one; it is neither used nor changed`,
  };
}

function templateCheck({ vmId, source }: PoolPreflightArgs["templates"][number], there: readonly ClusterVm[]): Check {
  const what = `template ${vmId} can be cloned`;
  const found = there.find(({ vmid }) => vmid === vmId);
  if (!found) {
    return {
      what,
      status: "failed",
      found: `template_vm_id=${vmId} comes from ${source}, but no VM/template with that ID exists on the Proxmox host, or the token may not see it`,
      fix: "Rebuild or reseed the template first (pulumi up in template-image/)",
    };
  }
  if (Number(found.template) === 1) return { what, status: "ok", found: nameOf(found) };
  return {
    what,
    status: "failed",
    found: `template_vm_id=${vmId} exists on the Proxmox host but is not marked as a template`,
    fix: "Fix the source VM or rebuild the template before continuing",
  };
}
