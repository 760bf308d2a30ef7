/**
 * What a pool under IPAM needs of its NetBox. Looked at without a change.
 */
import { netboxApi } from "../../lib/netbox/access.ts";
import type { Check } from "../../lib/preflight/check.ts";
import { inspectNetbox } from "../../provider/netbox/bootstrap.ts";
import type { PoolStack } from "./stack.ts";

/** Bound on all questions together, in milliseconds. */
const boundMs = 60_000;

/** Looks. Never throws; nothing to look at where addresses are static. */
export async function netboxChecks({ place, pool }: PoolStack): Promise<Check[]> {
  const ipam = pool?.plan.ipam;
  if (!ipam) return [];
  const { url: netboxUrl, jumps: netboxJumps } = ipam;
  const what = `NetBox at ${netboxUrl} is ready to give out addresses`;
  const bootstrap = `holdfast netbox bootstrap --url ${netboxUrl} --file <netbox.file>`;
  const notes: string[] = [];
  try {
    const config = { netboxUrl, netboxJumps, netboxToken: pool.config["netbox.token"] ?? "" };
    const signal = AbortSignal.timeout(boundMs);
    const api = await netboxApi({ config, signal, log: (_, text) => notes.push(text) });
    const { version, fields, tags } = await inspectNetbox(api);
    const missing = [...fields.map(({ name }) => `custom field ${name}`), ...tags.map(({ slug }) => `tag ${slug}`)];
    if (missing.length > 0) return [{ what, status: "failed", found: `no ${missing.join(", ")}`, fix: bootstrap }];
    return [{ what, status: "ok", found: [version, ...notes].join("; ") }];
  } catch (error) {
    const fix = `see above, then: holdfast preflight ${place.stack}`;
    return [{ what, status: "failed", found: (error as Error).message, fix }];
  }
}
