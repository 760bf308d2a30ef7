/**
 * `holdfast:proxmox:preflight`: looks at everything that must hold on a cluster before templates are made, in previews too.
 * Every problem is reported at once; a VM in the way is never adopted and never skipped.
 */
import { z } from "zod";
import { proxmoxOwner } from "../../lib/owner-mark.ts";
import { type Check, refuseFailed } from "../../lib/preflight/check.ts";
import { type ProxmoxApi, proxmoxApi } from "../../lib/proxmox/api.ts";
import { ProxmoxError } from "../../lib/proxmox/errors.ts";
import type { ProxmoxPreflightArgs, WantedTemplate } from "../../resources/proxmox/preflight.ts";
import { proxmoxPreflightFunction } from "../../resources/proxmox/preflight.ts";
import { implementFunction, type Operation } from "../kind.ts";
import { type ClusterVm, clusterVms, describeClones, vmConfig } from "./cluster.ts";
import { apiCheck, type NodeNeeds, nodeChecks, notReady } from "./node-checks.ts";
import { collisions } from "./template-collision.ts";
import { adviceOnClones, isConfirmed } from "./template-guard.ts";

export const proxmoxPreflight = implementFunction(proxmoxPreflightFunction, async (wanted, operation) => {
  const api = proxmoxApi(operation);
  let version = "";
  const recordVersion: Operation["recordVersion"] = (what, seen) => {
    version = seen;
    operation.recordVersion(what, seen);
  };
  const checks = await templateChecks(api, wanted, recordVersion);
  refuseFailed(notReady(wanted.stack, api), checks);
  for (const { what, found } of checks.filter(({ status }) => status === "skipped")) {
    operation.log("warning", `not checked that ${what}: ${found}`);
  }
  return { version };
});

/**
 * Looks at all of it side by side. Never throws: what cannot be looked at is a check too.
 * @param recordVersion told which version answered.
 */
export async function templateChecks(
  api: ProxmoxApi,
  wanted: ProxmoxPreflightArgs,
  recordVersion: Operation["recordVersion"] = () => {},
): Promise<Check[]> {
  const { check, version } = await apiCheck(api);
  if (version === undefined) return [check];
  recordVersion("proxmox", version);
  const { templates } = wanted;
  const nodes = [...new Set(templates.map(({ node }) => node))];
  const pools = [...new Set(templates.flatMap(({ pool }) => pool ?? []))];
  const parts = await Promise.all([
    ...nodes.map((node) => nodeChecks(api, nodeNeeds(node, wanted))),
    ...pools.map((pool) => poolCheck(api, pool)),
    vmChecks(api, wanted),
    ...templates.map((template) => replacementCheck(api, template, wanted)),
  ]);
  return [check, ...parts.flat()];
}

function nodeNeeds(node: string, { templates, imageStorage }: ProxmoxPreflightArgs): NodeNeeds {
  const here = templates.filter((template) => template.node === node);
  const disks = [...new Set(here.map(({ diskStorage }) => diskStorage))];
  return {
    node,
    storages: [
      { id: imageStorage, content: "import", fix: "set images_datastore_id" },
      ...disks.map((id) => ({ id, content: "images", fix: "set datastore_id" })),
    ],
    bridges: [...new Set(here.map(({ bridge }) => bridge))],
    bridgeFix: "set network_bridge",
  };
}

async function poolCheck(api: ProxmoxApi, pool: string): Promise<Check[]> {
  const what = `there is the resource pool ${pool}`;
  const found = await api.get("/pools", z.array(z.object({ poolid: z.string() }))).catch((error: Error) => error);
  if (found instanceof Error) return [{ what, status: "failed", found: found.message }];
  if (found.some(({ poolid }) => poolid === pool)) return [{ what, status: "ok" }];
  const others = found.map(({ poolid }) => poolid).join(", ") || "none";
  return [
    {
      what,
      status: "failed",
      found: `the cluster shows the token no pool ${pool}, but ${others}`,
      fix: `make it: pvesh create /pools --poolid ${pool}, or set pool`,
    },
  ];
}

async function vmChecks(api: ProxmoxApi, { owner, templates }: ProxmoxPreflightArgs): Promise<Check[]> {
  const what = "no other VM has the names and ids of the templates";
  const vms = await clusterVms(api).catch((error: Error) => error);
  if (vms instanceof Error) return [{ what, status: "failed", found: vms.message }];
  const found = templates.flatMap((template) => collisions(template, owner, vms));
  const hidden = await Promise.all(templates.map((template) => hiddenHolder(api, template, vms)));
  const problems = [...found, ...hidden.flatMap((problem) => problem ?? [])];
  if (problems.length === 0) return [{ what, status: "ok" }];
  return problems.map(({ found, fix }) => ({ what, status: "failed", found, fix }));
}

/** A template of another image is going to be deleted: whether VMs are linked to it. */
async function replacementCheck(
  api: ProxmoxApi,
  { key, name, node, recordedVmId: vmid, tags }: WantedTemplate,
  { owner, allowDestroyWithClones }: ProxmoxPreflightArgs,
): Promise<Check[]> {
  if (vmid === undefined || isConfirmed(allowDestroyWithClones, name)) return [];
  const what = `nothing is linked to the template of ${key} that another image replaces`;
  try {
    const config = await vmConfig(api, node, vmid);
    const found = String(config?.tags ?? "");
    const isOurs = config !== undefined && proxmoxOwner(found) === owner;
    if (!isOurs || tags.every((tag) => found.split(";").includes(tag))) return [];
    const clones = await describeClones(api, node, vmid, config);
    if (clones === undefined) return [{ what, status: "ok" }];
    return [
      {
        what,
        status: "failed",
        found: `another image of ${key} is to replace it, but ${clones}`,
        fix: adviceOnClones(name),
      },
    ];
  } catch (error) {
    return [{ what, status: "skipped", found: (error as Error).message }];
  }
}

/** A VM that the token may not see still holds its id. */
async function hiddenHolder(
  api: ProxmoxApi,
  { key, vmId }: WantedTemplate,
  vms: readonly ClusterVm[],
): Promise<{ found: string; fix: string } | undefined> {
  if (vmId === undefined || vms.some(({ vmid }) => vmid === vmId)) return undefined;
  try {
    await api.get("/cluster/nextid", z.unknown(), { vmid: vmId });
    return undefined;
  } catch (error) {
    if (!(error instanceof ProxmoxError && error.status === 400)) return { found: (error as Error).message, fix: "" };
    return {
      found: `the id ${vmId} of ${key} is taken by a VM that the token may not see`,
      fix: "set vmid to another one, or to 0 for the next free one",
    };
  }
}
