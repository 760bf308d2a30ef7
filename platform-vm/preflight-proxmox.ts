/**
 * What the preflight of a pool on Proxmox VE is asked to look at. Pure.
 */
import type { DeployedVm } from "../components/pool/checkpoint.ts";
import type { PoolPreflightArgs, WantedSnippets } from "../resources/proxmox/pool-preflight.ts";
import type { ProxmoxPlan } from "./plan.ts";
import type { PlannedSnippets } from "./plan-proxmox.ts";
import type { Chosen } from "./templates.ts";

/**
 * @param deployed what the state has: those VMs are ours, whatever else is said.
 * @param about the stack, and how the configuration names the templates' stack.
 */
export function planPreflight(
  plan: ProxmoxPlan,
  chosen: Readonly<Record<string, Chosen>>,
  deployed: readonly DeployedVm[],
  about: { stack: string; reference: string | undefined },
): PoolPreflightArgs {
  const known = new Map(deployed.map(({ key, vmId }) => [key, typeof vmId === "number" ? vmId : undefined]));
  const ids = new Set(Object.values(chosen).map(({ template }) => template.vmId));
  const source =
    plan.templateVmId === undefined
      ? `template_state_ref=${about.reference ?? ""}`
      : "the configuration's template_vm_id";
  return {
    stack: about.stack,
    owner: plan.owner,
    vms: plan.vms.map(({ key, name, vmId }) => {
      const recordedVmId = known.get(key);
      return {
        key,
        name,
        ...(vmId === undefined ? {} : { vmId }),
        ...(recordedVmId === undefined ? {} : { recordedVmId }),
      };
    }),
    templates: [...ids].map((vmId) => ({ vmId, source })),
    ...(plan.snippets ? { snippets: wantedSnippets(plan.snippets, Object.values(chosen)) } : {}),
  };
}

function wantedSnippets({ storage, host }: PlannedSnippets, chosen: readonly Chosen[]): WantedSnippets {
  return { storage, host: host.host, nodes: [...new Set(chosen.map(({ node }) => node))].sort() };
}
