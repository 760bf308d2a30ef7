/**
 * What has to hold before templates are made, from their plan and the stack's own state. Pure; the plugin looks.
 */
import type { RecordedResource } from "../lib/preflight/recorded.ts";
import type { ProxmoxPreflightArgs } from "../resources/proxmox/preflight.ts";
import type { TemplateImageConfig, TemplateImagePlan } from "./plan.ts";

const templateType = "proxmoxve:index/vmLegacy:VmLegacy";

/**
 * @param stack `<project>/<stack>`.
 * @param recorded resources of the stack's state.
 */
export function planPreflight(
  config: Pick<TemplateImageConfig, "images_datastore_id" | "allow_destroy_with_clones">,
  plan: TemplateImagePlan,
  stack: string,
  recorded: readonly RecordedResource[],
): ProxmoxPreflightArgs {
  const ids = recordedTemplates(recorded);
  return {
    stack,
    owner: plan.owner,
    imageStorage: config.images_datastore_id,
    allowDestroyWithClones: config.allow_destroy_with_clones === "true",
    templates: plan.templates.map(({ key, templateName: name, vmId, node, diskStorage, bridge, pool, tags }) => ({
      ...{ key, name, node, diskStorage, bridge, tags },
      ...(vmId === undefined ? {} : { vmId }),
      ...(pool === undefined ? {} : { pool }),
      ...(ids.has(key) ? { recordedVmId: ids.get(key) } : {}),
    })),
  };
}

/** Ids of the templates in a state, by key, which is among their tags. */
export function recordedTemplates(resources: readonly RecordedResource[]): Map<string, number> {
  const ids = new Map<string, number>();
  for (const { type, outputs } of resources) {
    const { vmId, tags } = (outputs ?? {}) as { vmId?: unknown; tags?: unknown };
    if (type !== templateType || !Number.isInteger(Number(vmId)) || !Array.isArray(tags)) continue;
    for (const tag of tags) ids.set(String(tag), Number(vmId));
  }
  return ids;
}
