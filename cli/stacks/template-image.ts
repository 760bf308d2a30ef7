/**
 * A stack of template-image as its program would understand it, and what it needs of its cluster. Whatever is wrong comes as
 * a check.
 */

import { parseConfig } from "../../lib/config/strict.ts";
import { siteContract } from "../../lib/contracts/site.ts";
import type { Check } from "../../lib/preflight/check.ts";
import type { Looks } from "../../lib/project.ts";
import { templateChecks } from "../../provider/proxmox/preflight.ts";
import { templateImageConfig } from "../../template-image/config.ts";
import { planTemplates } from "../../template-image/plan.ts";
import { planPreflight } from "../../template-image/preflight.ts";
import { proxmoxOf } from "../pool/cluster.ts";
import { attempt, type ConfiguredStack } from "../preflight/config-checks.ts";
import type { Pulumi, StackPlace } from "../pulumi.ts";
import { readConsumed, readStack } from "../stack.ts";

/** Looks at plan and cluster. @throws Failure when Pulumi does not give the stack. */
export async function templateLooks(pulumi: Pulumi, place: StackPlace): Promise<Looks<"plan" | "cluster">> {
  const { values, resources } = await readStack(pulumi, place);
  const stack: ConfiguredStack = { ...place, shape: templateImageConfig };
  const planned = await attempt(
    "the templates can be planned",
    stack,
    async () => {
      const config = parseConfig(place.project, place.stack, templateImageConfig, values);
      return {
        config,
        plan: planTemplates(config, await readConsumed(pulumi, place.project, siteContract, config), place),
      };
    },
    ({ plan }) => plan.templates.map(({ templateName }) => templateName).join(", "),
  );
  if (!planned.value) {
    const found = "not looked at: what the templates need is not known";
    const cluster: Check = { what: "the cluster has what the templates need", status: "skipped", found };
    return { plan: planned.checks, cluster: [cluster] };
  }
  const { config, plan } = planned.value;
  const wanted = planPreflight(config, plan, `${place.project}/${place.stack}`, resources);
  return { plan: planned.checks, cluster: await templateChecks(proxmoxOf(config, plan.endpoint), wanted) };
}
