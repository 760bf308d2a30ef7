/**
 * Whether a pool's user data can be put on a storage: it is there, holds snippets, is a directory, and is read by the nodes of
 * the VMs. Asked with GET alone.
 */
import { z } from "zod";
import type { Check } from "../../lib/preflight/check.ts";
import type { ProxmoxApi } from "../../lib/proxmox/api.ts";
import type { WantedSnippets } from "../../resources/proxmox/pool-preflight.ts";

const storageShape = z.object({
  storage: z.string(),
  /** For example `iso,snippets`. */
  content: z.string().optional(),
  /** Absent where it is no directory. */
  path: z.string().optional(),
  shared: z.coerce.number().optional(),
  /** Directories below `path` that are not the usual ones, for example `snippets=cloud-init,iso=images`. */
  "content-dirs": z.string().optional(),
});
type Storage = z.infer<typeof storageShape>;

const listedNode = z.object({ type: z.string(), name: z.string(), ip: z.string().optional() });

/** A node as the cluster's status lists it. */
export type ListedNode = z.infer<typeof listedNode>;

/**
 * Looks at the storage. Never throws: what cannot be looked at is a check too.
 * @returns its directory of snippets, where it has one.
 */
export async function snippetStorage(
  api: ProxmoxApi,
  wanted: WantedSnippets,
): Promise<{ checks: Check[]; directory?: string }> {
  const { storage: id } = wanted;
  const what = `storage ${id} takes snippets`;
  // The list shows a storage to who may put disks there; asked for alone, it takes more.
  const all = await api.get("/storage", z.array(storageShape)).catch((error: Error) => error);
  if (all instanceof Error) return { checks: [{ what, status: "failed", found: all.message }] };
  const storage = all.find((one) => one.storage === id);
  const problem = storage ? unfit(storage) : missing(id, all);
  if (problem) return { checks: [{ what, status: "failed", ...problem }] };
  const directory = `${storage?.path?.replace(/\/+$/, "") ?? ""}/${ownDirectory(storage?.["content-dirs"])}`;
  const read = await reachCheck(api, wanted, storage?.shared === 1);
  return { checks: [{ what, status: "ok", found: directory }, read], directory };
}

function missing(id: string, all: readonly Storage[]): Pick<Check, "found" | "fix"> {
  const fit = all.filter((one) => !unfit(one)).map(({ storage }) => storage);
  const others = fit.length > 0 ? `those with snippets are ${fit.join(", ")}` : "none of the others takes snippets";
  return { found: `the cluster shows the token no storage ${id}; ${others}`, fix: "set snippets_storage" };
}

function unfit({ storage: id, content = "", path }: Storage): Pick<Check, "found" | "fix"> | undefined {
  if (path === undefined) {
    return {
      found: `storage ${id} is no directory, and snippets are files`,
      fix: "set snippets_storage to one that is, for example local",
    };
  }
  const allowed = content.split(",").filter(Boolean);
  if (allowed.includes("snippets")) return undefined;
  const allow = `pvesm set ${id} --content ${[...allowed, "snippets"].join(",")}`;
  return {
    found: `storage ${id} takes ${allowed.join(", ")}, not snippets`,
    fix: `allow it: ${allow}, or set snippets_storage`,
  };
}

function ownDirectory(contentDirs = ""): string {
  const own = contentDirs.split(",").find((one) => one.startsWith("snippets="));
  return own?.slice("snippets=".length).replace(/^\/+|\/+$/g, "") || "snippets";
}

/** Whether the VMs' nodes read what one host writes. */
async function reachCheck(api: ProxmoxApi, { storage, host, nodes }: WantedSnippets, shared: boolean): Promise<Check> {
  const what = `what ${host} writes on storage ${storage} is read by ${nodes.join(", ")}`;
  if (shared) return { what, status: "ok", found: "it is shared" };
  // Who may not ask is told of no node.
  const listed = await api.get("/cluster/status", z.array(listedNode)).catch(() => []);
  const writer = nodeAt(host, listed);
  const blind = writer === undefined ? (nodes.length > 1 ? nodes : []) : nodes.filter((node) => node !== writer);
  if (blind.length > 0) {
    const at = writer === undefined ? "one of them" : `node ${writer}`;
    return {
      what,
      status: "failed",
      found: `storage ${storage} is not shared: what is written at ${host}, on ${at}, is not there on ${blind.join(", ")}`,
      fix: "set snippets_storage to a shared one, or node_name",
    };
  }
  if (writer !== undefined) return { what, status: "ok", found: `it is node ${writer}` };
  return { what, status: "warning", found: `the cluster does not say which node ${host} is` };
}

/** The node behind an address or a name; undefined where the list does not tell. */
export function nodeAt(host: string, listed: readonly ListedNode[]): string | undefined {
  const nodes = listed.filter(({ type }) => type === "node");
  if (nodes.length === 1) return nodes[0]?.name;
  return nodes.find(({ name, ip }) => host === ip || host === name || host.startsWith(`${name}.`))?.name;
}
