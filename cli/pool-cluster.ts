/**
 * What a pool needs of its cluster: that it answers, that nobody is in the way, that the templates are templates, and that
 * nodes, storages and bridges are there. Asked with GET alone.
 */

import type { Check } from "../lib/preflight/check.ts";
import { ProxmoxApi } from "../lib/proxmox/api.ts";
import type { ProxmoxPlan } from "../platform-vm/plan.ts";
import { planPreflight } from "../platform-vm/preflight-proxmox.ts";
import { apiCheck, type NodeNeeds, nodeChecks } from "../provider/proxmox/node-checks.ts";
import { poolChecks } from "../provider/proxmox/pool-preflight.ts";
import { snippetStorage } from "../provider/proxmox/snippet-storage.ts";
import type { WantedSnippets } from "../resources/proxmox/pool-preflight.ts";
import type { Pool, PoolStack } from "./pool-stack.ts";
import { routeCheck } from "./preflight-access.ts";

/** Bound on all questions together, in milliseconds; each has a shorter one of its own. */
const boundMs = 60_000;

/** Looks at the cluster. Never throws: what cannot be looked at is a check too. */
export async function clusterChecks({
  place,
  deployed,
  pool,
}: Pick<PoolStack, "place" | "deployed" | "pool">): Promise<Check[]> {
  const what = "the cluster has what the pool needs";
  const { config, plan, chosen } = pool ?? {};
  if (!config || plan?.placement !== "proxmox" || !chosen) {
    return [{ what, status: "skipped", found: "not looked at: what the pool needs is not known" }];
  }
  const api = proxmoxOf(config, plan.endpoint);
  const { check, version } = await apiCheck(api);
  if (version === undefined) return [check];
  const stack = `${place.project}/${place.stack}`;
  const wanted = planPreflight(plan, chosen, deployed, { stack, reference: config.template_state_ref });
  const parts = await Promise.all([
    poolChecks(api, wanted),
    snippetChecks(api, plan, wanted.snippets),
    ...nodeNeeds({ plan, chosen }).map((needs) => nodeChecks(api, needs)),
  ]);
  return [check, ...parts.flat()];
}

/** Whether user data can be written: the storage takes it, and the host takes the login. */
async function snippetChecks(api: ProxmoxApi, { snippets }: ProxmoxPlan, wanted?: WantedSnippets): Promise<Check[]> {
  if (!snippets || !wanted) return [];
  const route = routeCheck("the Proxmox host, which writes user data,", snippets.host);
  const [{ checks }, login] = await Promise.all([snippetStorage(api, wanted), route]);
  return [...checks, login];
}

/** The API as a stack's configuration says how to ask it. */
export function proxmoxOf(
  config: Pick<Pool["config"], "proxmox.token" | "proxmox.insecure">,
  endpoint: string,
): ProxmoxApi {
  // The plan has seen that there is one.
  const access = { endpoint, token: config["proxmox.token"] ?? "", insecure: config["proxmox.insecure"] === "true" };
  return new ProxmoxApi(access, AbortSignal.timeout(boundMs));
}

/** What each node must have for the VMs that it gets. */
export function nodeNeeds({
  plan,
  chosen,
}: {
  plan: Pick<ProxmoxPlan, "vms">;
  chosen: NonNullable<Pool["chosen"]>;
}): NodeNeeds[] {
  const nodes = [...new Set(Object.values(chosen).map(({ node }) => node))].sort();
  return nodes.map((node) => {
    const here = plan.vms.filter(({ key }) => chosen[key]?.node === node);
    const disks = [...new Set(here.map(({ datastoreId }) => datastoreId))];
    return {
      node,
      storages: disks.map((id) => ({ id, content: "images", fix: "set datastore_id, of the pool or of the VM" })),
      bridges: [...new Set(here.flatMap(({ nics }) => nics.map(({ bridge }) => bridge)))],
      bridgeFix: "set the bridge of the card, in vms or interfaces",
    };
  });
}
