/**
 * What the preflight of a pool on Proxmox VE is asked to look at. Pure.
 */
import type { PoolPreflightArgs, WantedSnippets } from "../../../resources/proxmox/pool-preflight.ts";
import type { PoolContext } from "../../context.ts";
import type { PlannedPool } from "../../planned.ts";
import type { PlannedSnippets, ProxmoxPart } from "./plan.ts";
import type { PlacedProxmoxVm } from "./templates.ts";

/** The VMs of the state are ours, whatever else is said. */
export function planPreflight(
  plan: PlannedPool & ProxmoxPart,
  vms: readonly PlacedProxmoxVm[],
  { config, place, deployed }: Pick<PoolContext, "config" | "place" | "deployed">,
): PoolPreflightArgs {
  const known = new Map(deployed.map(({ key, vmId }) => [key, typeof vmId === "number" ? vmId : undefined]));
  const ids = new Set(vms.map(({ template }) => template.vmId));
  const source =
    plan.templateVmId === undefined
      ? `template_state_ref=${config.template_state_ref ?? ""}`
      : "the configuration's template_vm_id";
  return {
    stack: `${place.project}/${place.stack}`,
    owner: plan.owner,
    vms: vms.map(({ key, name, vmId }) => {
      const recordedVmId = known.get(key);
      return {
        key,
        name,
        ...(vmId === undefined ? {} : { vmId }),
        ...(recordedVmId === undefined ? {} : { recordedVmId }),
      };
    }),
    templates: [...ids].map((vmId) => ({ vmId, source })),
    ...(plan.snippets ? { snippets: wantedSnippets(plan.snippets, vms) } : {}),
  };
}

function wantedSnippets({ storage, host }: PlannedSnippets, vms: readonly PlacedProxmoxVm[]): WantedSnippets {
  return { storage, host: host.host, nodes: [...new Set(vms.map(({ node }) => node))].sort() };
}
