/**
 * The template and the node of every VM of a pool. Pure.
 */

import type { DeployedVm } from "../components/pool/checkpoint.ts";
import { pickTemplate, type TemplateChoice } from "../components/pool/templates.ts";
import { ConfigError, type Problem } from "../lib/config/strict.ts";
import type { Templates } from "../lib/contracts/templates.ts";
import type { PlatformVmConfig, ProxmoxPlan } from "./plan.ts";

/** What a VM is cloned from, and where it stands. */
export interface Chosen {
  template: TemplateChoice;
  node: string;
}

/**
 * @param templates what the templates' stack publishes; absent where `template_vm_id` overrides it.
 * @param deployed VMs that stand already: they stay on their node, wherever the template is by now.
 * @throws one error for all VMs.
 */
export function chooseTemplates(
  plan: ProxmoxPlan,
  config: Pick<PlatformVmConfig, "template_state_ref">,
  templates: Templates["templates"] | undefined,
  place: { project: string; stack: string },
  deployed: readonly DeployedVm[],
): Record<string, Chosen> {
  const problems: Problem[] = [];
  const chosen: Record<string, Chosen> = {};
  for (const { key, templateKey, nodeName } of plan.vms) {
    const template =
      plan.templateVmId === undefined
        ? pickTemplate(templateKey, templates ?? {}, config.template_state_ref ?? "")
        : { vmId: plan.templateVmId };
    if ("problem" in template) {
      problems.push({ key: `vms.${key}`, reason: template.problem });
      continue;
    }
    const node = nodeName ?? deployed.find((vm) => vm.key === key)?.nodeName ?? template.node ?? plan.siteNode;
    if (node === undefined) {
      problems.push({ key: "node_name", reason: `is required with template_vm_id: VM ${key} has to stand somewhere` });
      continue;
    }
    chosen[key] = { template, node };
  }
  if (problems.length > 0) throw new ConfigError(place.project, place.stack, problems);
  return chosen;
}
