/**
 * The template and the node of every VM of a pool on Proxmox VE.
 */
import { pickTemplate, type TemplateChoice } from "../../../components/pool/templates.ts";
import { ConfigError, type Problem } from "../../../lib/config/strict.ts";
import { type Templates, templatesContract } from "../../../lib/contracts/templates.ts";
import { Failure } from "../../../lib/failure.ts";
import type { PlatformVmConfig } from "../../config.ts";
import type { PoolContext } from "../../context.ts";
import type { DeployedVm } from "../../deployed.ts";
import type { PlannedPool } from "../../planned.ts";
import type { ReadContract } from "../placement.ts";
import { onProxmox } from "./deployed.ts";
import type { ProxmoxPart, ProxmoxPlannedVm } from "./plan.ts";

/** A VM with what it is cloned from, and where it stands. */
export interface PlacedProxmoxVm extends ProxmoxPlannedVm {
  template: TemplateChoice;
  node: string;
}

/** @throws one error for all VMs that have no template or no node; what the reader throws. */
export async function resolveTemplates(
  plan: PlannedPool & ProxmoxPart,
  { config, place, deployed, read }: PoolContext & { read: ReadContract },
): Promise<PlacedProxmoxVm[]> {
  return chooseTemplates(plan, config, await publishedTemplates(plan, config, read), place, deployed);
}

async function publishedTemplates(
  { templateStack, env }: PlannedPool & ProxmoxPart,
  config: PlatformVmConfig,
  read: ReadContract,
): Promise<Templates["templates"] | undefined> {
  if (templateStack === undefined) return undefined;
  const published = await read(templatesContract, templateStack).catch((error: Error) => {
    const what = `template_state_ref not found in env state: ${config.template_state_ref} (env=${env})`;
    throw error instanceof Failure ? new Failure(`${what}: ${error.what}`, error.next) : error;
  });
  return published?.templates;
}

/**
 * @param templates what the templates' stack publishes; absent where `template_vm_id` overrides it.
 * @param deployed VMs that stand already: they stay on their node, wherever the template is by now.
 * @throws one error for all VMs.
 */
export function chooseTemplates(
  plan: ProxmoxPart,
  config: Pick<PlatformVmConfig, "template_state_ref">,
  templates: Templates["templates"] | undefined,
  place: { project: string; stack: string },
  deployed: readonly DeployedVm[],
): PlacedProxmoxVm[] {
  const problems: Problem[] = [];
  const nodes = new Map(onProxmox(deployed).map(({ key, node }) => [key, node]));
  const placed = plan.vms.flatMap((vm): PlacedProxmoxVm[] => {
    const { key, templateKey, nodeName } = vm;
    const template =
      plan.templateVmId === undefined
        ? pickTemplate(templateKey, templates ?? {}, config.template_state_ref ?? "")
        : { vmId: plan.templateVmId };
    if ("problem" in template) {
      problems.push({ key: `vms.${key}`, reason: template.problem });
      return [];
    }
    const node = nodeName ?? nodes.get(key) ?? template.node ?? plan.siteNode;
    if (node === undefined) {
      problems.push({ key: "node_name", reason: `is required with template_vm_id: VM ${key} has to stand somewhere` });
      return [];
    }
    return [{ ...vm, template, node }];
  });
  if (problems.length > 0) throw new ConfigError(place.project, place.stack, problems);
  return placed;
}

/**
 * VMs that are clones of another template than new ones would be: they stay as they are, and that is said.
 * @param vms with the templates that new ones would be of.
 * @param stack name of the stack, for the command that makes the VMs anew.
 * @returns one line, or nothing.
 */
export function olderClones(
  deployed: readonly DeployedVm[],
  vms: readonly { key: string; template: Pick<TemplateChoice, "vmId"> }[],
  stack: string,
): string | undefined {
  const templates = new Map(vms.map(({ key, template }) => [key, template.vmId]));
  const older = onProxmox(deployed).filter(
    ({ key, templateVmId }) => templateVmId !== undefined && templates.has(key) && templates.get(key) !== templateVmId,
  );
  if (older.length === 0) return undefined;
  const clones = older.map(({ key, templateVmId }) => `${key} (of ${templateVmId}, now ${templates.get(key)})`);
  return `VMs that stay clones of the template that they were made from: ${clones.join(", ")}; to make them anew: holdfast rebuild ${stack} --confirm ${stack}`;
}
