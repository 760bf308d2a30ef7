/**
 * Which template a VM is cloned from. Pure.
 */
import type { Templates } from "../../lib/contracts/templates.ts";

/** A template to clone: its id, and where they are known the node that carries it and its snippet with vendor data. */
export interface TemplateChoice {
  vmId: number;
  node?: string;
  vendorDataFileId?: string;
}

/**
 * The template behind a key.
 * @param reference how the configuration names the templates' stack, for the message.
 * @returns the template, or why there is none.
 */
export function pickTemplate(
  key: string,
  templates: Templates["templates"],
  reference: string,
): TemplateChoice | { problem: string } {
  const found = Object.hasOwn(templates, key) ? templates[key] : undefined;
  if (found) {
    const { vmId, node, vendorDataFileId } = found;
    return { vmId, node, ...(vendorDataFileId === undefined ? {} : { vendorDataFileId }) };
  }
  const known = Object.keys(templates).sort().join(", ");
  return {
    problem:
      `unable to resolve template VM ID from template_state_ref=${reference} key=${key}; outputs keys: [${known}]; ` +
      "set template_key to one of those, or build it: pulumi up in template-image/",
  };
}
