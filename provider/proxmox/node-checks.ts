/**
 * What a node of a cluster must have before something is made on it: it answers, its storages take what is put there, and it
 * has the bridges. Asked with GET alone; every problem is a check.
 */
import { z } from "zod";
import type { Check } from "../../lib/preflight/check.ts";
import type { ProxmoxApi } from "../../lib/proxmox/api.ts";

/** What is needed of one node. */
export interface NodeNeeds {
  node: string;
  /** What to do about a node that is not there. Default: `set node_name`. */
  nodeFix?: string;
  storages: readonly NeededStorage[];
  bridges: readonly string[];
  /** What to do about a bridge that is not there, for example `set network_bridge`. */
  bridgeFix: string;
}

/** A storage that has to be there. */
export interface NeededStorage {
  id: string;
  /** Kind of volumes that are put there: `images`, `import`; absent: any. */
  content?: string;
  /** What to do where it is another one that is meant, for example `set datastore_id`. */
  fix: string;
}

const storageShape = z.object({
  storage: z.string(),
  content: z.string(),
  active: z.coerce.number().optional(),
});
type Storage = z.infer<typeof storageShape>;

/** Begins the error of a stack that cannot be worked on. */
export function notReady(stack: string, { endpoint }: ProxmoxApi): string {
  return `stack ${stack} is not ready for Proxmox VE at ${endpoint}, nothing was changed:`;
}

/** Whether the API answers, and in which version. */
export async function apiCheck(api: ProxmoxApi): Promise<{ check: Check; version?: string }> {
  const what = `Proxmox VE at ${api.endpoint} answers`;
  try {
    const { version } = await api.get("/version", z.object({ version: z.string() }));
    return { check: { what, status: "ok", found: `version ${version}` }, version };
  } catch (error) {
    return { check: { what, status: "failed", found: (error as Error).message } };
  }
}

/** Looks at a node. Never throws: what cannot be looked at is a check too. */
export async function nodeChecks(api: ProxmoxApi, needs: NodeNeeds): Promise<Check[]> {
  const { node, nodeFix = "set node_name" } = needs;
  const what = `node ${node} answers`;
  const all = await api.get("/nodes", z.array(z.object({ node: z.string() }))).catch((error: Error) => error);
  if (all instanceof Error) return [{ what, status: "failed", found: all.message }];
  const names = all.map((one) => one.node);
  if (!names.includes(node)) {
    return [
      {
        what,
        status: "failed",
        found: `the cluster has no node ${node}, but ${names.join(", ")}`,
        fix: nodeFix,
      },
    ];
  }
  const parts = await Promise.all([storageChecks(api, needs), bridgeChecks(api, needs)]);
  return [{ what, status: "ok" }, ...parts.flat()];
}

async function storageChecks(api: ProxmoxApi, { node, storages }: NodeNeeds): Promise<Check[]> {
  if (storages.length === 0) return [];
  const found = await api.get(`/nodes/${node}/storage`, z.array(storageShape)).catch((error: Error) => error);
  return storages.map((needed) => ({
    what: `storage ${needed.id} of node ${node} ${needed.content === undefined ? "is there" : `takes ${needed.content}`}`,
    ...(found instanceof Error
      ? { status: "failed" as const, found: found.message }
      : storageFinding(node, needed, found)),
  }));
}

function storageFinding(
  node: string,
  { id, content, fix }: NeededStorage,
  there: readonly Storage[],
): Omit<Check, "what"> {
  const storage = there.find((one) => one.storage === id);
  if (!storage) {
    const others = there.map((one) => one.storage).join(", ") || "none";
    return { status: "failed", found: `node ${node} shows the token no storage ${id}, but ${others}`, fix };
  }
  if ((storage.active ?? 1) !== 1) {
    return {
      status: "failed",
      found: `storage ${id} is not active on node ${node}`,
      fix: `look at it with: pvesm status`,
    };
  }
  const allowed = storage.content.split(",");
  if (content === undefined || allowed.includes(content)) return { status: "ok" };
  return {
    status: "failed",
    found: `storage ${id} of node ${node} takes ${allowed.join(", ")}, not ${content}`,
    fix: `allow it: pvesm set ${id} --content ${[...allowed, content].join(",")}, or ${fix}`,
  };
}

async function bridgeChecks(api: ProxmoxApi, { node, bridges, bridgeFix }: NodeNeeds): Promise<Check[]> {
  if (bridges.length === 0) return [];
  // With this type the bridges of SDN zones are in it, too.
  const found = await api
    .get(`/nodes/${node}/network`, z.array(z.object({ iface: z.string() })), { type: "any_bridge" })
    .catch((error: Error) => error);
  const there = found instanceof Error ? [] : found.map(({ iface }) => iface);
  return bridges.map((bridge): Check => {
    const what = `node ${node} has the bridge ${bridge}`;
    if (found instanceof Error) return { what, status: "skipped", found: found.message };
    if (there.length === 0) return { what, status: "skipped", found: "the token is shown no bridge (SDN.Use)" };
    if (there.includes(bridge)) return { what, status: "ok" };
    return {
      what,
      status: "failed",
      found: `node ${node} has no bridge ${bridge}, but ${there.join(", ")}`,
      fix: bridgeFix,
    };
  });
}
