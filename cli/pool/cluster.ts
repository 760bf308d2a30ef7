/**
 * What a pool needs of its cluster: that it answers, that nobody is in the way, that the templates are templates, and that
 * nodes, storages and bridges are there. Asked with GET alone.
 */

import type { Check } from "../../lib/preflight/check.ts";
import { ProxmoxApi } from "../../lib/proxmox/api.ts";
import type { PlatformVmConfig } from "../../platform-vm/config.ts";
import type { VmOn } from "../../platform-vm/placements/index.ts";
import { apiCheck, type NodeNeeds, nodeChecks } from "../../provider/proxmox/node-checks.ts";
import { poolChecks } from "../../provider/proxmox/pool-preflight.ts";
import { snippetStorage } from "../../provider/proxmox/snippet-storage.ts";
import { routeCheck } from "../preflight/access.ts";
import type { PoolToLookAt } from "./stack.ts";

/** Bound on all questions together, in milliseconds; each has a shorter one of its own. */
const boundMs = 60_000;

/** Looks at the cluster. Never throws: what cannot be looked at is a check too. */
export async function clusterChecks({ config, plan, vms, wanted }: PoolToLookAt<"proxmox">): Promise<Check[]> {
  const api = proxmoxOf(config, plan.endpoint);
  const { check, version } = await apiCheck(api);
  if (version === undefined) return [check];
  const parts = await Promise.all([
    poolChecks(api, wanted),
    snippetChecks(api, plan, wanted),
    ...nodeNeeds(vms).map((needs) => nodeChecks(api, needs)),
  ]);
  return [check, ...parts.flat()];
}

/** Whether user data can be written: the storage takes it, and the host takes the login. */
async function snippetChecks(
  api: ProxmoxApi,
  { snippets }: PoolToLookAt<"proxmox">["plan"],
  wanted: PoolToLookAt<"proxmox">["wanted"],
): Promise<Check[]> {
  if (!snippets || !wanted.snippets) return [];
  const route = routeCheck("the Proxmox host, which writes user data,", snippets.host);
  const [{ checks }, login] = await Promise.all([snippetStorage(api, wanted.snippets), route]);
  return [...checks, login];
}

/** The API as a stack's configuration says how to ask it. */
export function proxmoxOf(
  config: Pick<PlatformVmConfig, "proxmox.token" | "proxmox.insecure">,
  endpoint: string,
): ProxmoxApi {
  // The plan has seen that there is one.
  const access = { endpoint, token: config["proxmox.token"] ?? "", insecure: config["proxmox.insecure"] === "true" };
  return new ProxmoxApi(access, AbortSignal.timeout(boundMs));
}

/** What each node must have for the VMs that it gets. */
export function nodeNeeds(vms: readonly Pick<VmOn<"proxmox">, "node" | "datastoreId" | "nics">[]): NodeNeeds[] {
  const nodes = [...new Set(vms.map(({ node }) => node))].sort();
  return nodes.map((node) => {
    const here = vms.filter((vm) => vm.node === node);
    const disks = [...new Set(here.map(({ datastoreId }) => datastoreId))];
    return {
      node,
      storages: disks.map((id) => ({ id, content: "images", fix: "set datastore_id, of the pool or of the VM" })),
      bridges: [...new Set(here.flatMap(({ nics }) => nics.map(({ bridge }) => bridge)))],
      bridgeFix: "set the bridge of the card, in vms or interfaces",
    };
  });
}
