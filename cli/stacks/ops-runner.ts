/**
 * A stack of ops-runner as its program would understand it, and what it needs of its VM. Whatever is wrong comes as a check;
 * nothing is built, sent or changed.
 */

import { parseConfig } from "../../lib/config/strict.ts";
import { siteContract } from "../../lib/contracts/site.ts";
import { type Vms, vmsContract } from "../../lib/contracts/vms.ts";
import type { Looks } from "../../lib/project.ts";
import { opsRunnerConfig } from "../../ops-runner/config.ts";
import { planRunner, type RunnerPlan } from "../../ops-runner/plan.ts";
import { type OpsRunnerLook, opsRunnerLook } from "../../provider/runner/operations-checks.ts";
import { attempt, type ConfiguredStack } from "../preflight/config-checks.ts";
import type { Pulumi, StackPlace } from "../pulumi.ts";
import { readConsumed, readStack } from "../stack.ts";

/**
 * Looks at the plan (configuration, contracts), at what holds on the VM, and at the way there, where one is known: an update of
 * its pool may open it yet.
 * @param look at the VM; another one in tests.
 * @throws Failure when Pulumi does not give the stack.
 */
export async function opsRunnerLooks(
  pulumi: Pulumi,
  place: StackPlace,
  look: (inputs: ReturnType<typeof inputsOf>) => Promise<OpsRunnerLook> = opsRunnerLook,
): Promise<Looks<"plan" | "vm" | "ssh-route">> {
  const { values } = await readStack(pulumi, place);
  const stack: ConfiguredStack = { ...place, shape: opsRunnerConfig };
  const parsed = await attempt("every key of the configuration is known and legal", stack, () =>
    parseConfig(place.project, place.stack, opsRunnerConfig, values),
  );
  const config = parsed.value;
  if (!config) return { plan: parsed.checks, ...unseen };
  const about = config["vms.stack"] ?? config["vms.file"] ?? "not asked for";
  const vms = await attempt(
    `the VMs' contract is there (${about})`,
    stack,
    () => readConsumed(pulumi, place.project, vmsContract, config),
    describe,
  );
  if (!("value" in vms)) return { plan: [...parsed.checks, ...vms.checks], ...unseen };
  const planned = await attempt(
    "the runner can be planned",
    stack,
    async () => {
      const site = await readConsumed(pulumi, place.project, siteContract, config);
      return planRunner(config, site, vms.value, place, process.env.HYOPS_ENV);
    },
    ({ facts }) => `${config.vm_key} is ${facts.vm.name}, ${facts.vm.address}`,
  );
  const plan = [...parsed.checks, ...vms.checks, ...planned.checks];
  if (!planned.value) return { plan, ...unseen };
  const { route, there } = await look(inputsOf(planned.value));
  return { plan, vm: there, "ssh-route": [route] };
}

/** Looks at a VM that is not known. */
const unseen = { vm: [], "ssh-route": [] };

/** What the plugin would get, without a release that has to be built first. */
function inputsOf({ toolchain, release }: RunnerPlan) {
  return { ...toolchain, ...(release?.kind === "archive" ? { release: { sha256: release.sha256 } } : {}) };
}

function describe(vms: Vms | undefined): string | undefined {
  return vms && Object.keys(vms.vms).join(", ");
}
