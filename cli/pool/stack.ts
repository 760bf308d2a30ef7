/**
 * A stack of platform-vm as its program would understand it: configuration, contracts, plan, and the guards that compare the
 * plan with what stands. Whatever is wrong comes as a check.
 */

import { judgeVmSet } from "../../components/pool/vm-set.ts";
import { parseConfig } from "../../lib/config/strict.ts";
import { netboxContract } from "../../lib/contracts/netbox.ts";
import { siteContract } from "../../lib/contracts/site.ts";
import type { Check } from "../../lib/preflight/check.ts";
import { type PlatformVmConfig, platformVmConfig } from "../../platform-vm/config.ts";
import type { PoolContext } from "../../platform-vm/context.ts";
import type { DeployedVm } from "../../platform-vm/deployed.ts";
import {
  deployedVms,
  type ListedPlacement,
  type PlanOn,
  type PoolPlan,
  placementOf,
  type VmOn,
  type WantedOn,
} from "../../platform-vm/placements/index.ts";
import { planPool } from "../../platform-vm/plan.ts";
import type { PlannedVm } from "../../platform-vm/planned.ts";
import { refusals } from "../../platform-vm/refusals.ts";
import type { Refused } from "../../platform-vm/refused.ts";
import { attempt, type ConfiguredStack } from "../preflight/config-checks.ts";
import type { Pulumi, StackPlace } from "../pulumi.ts";
import { readConsumed, readContract, readStack, type StateResource } from "../stack.ts";

/** A pool that can be planned. */
export interface Pool {
  /** Holds the token of Proxmox VE, where there is one, in the clear. */
  config: PlatformVmConfig;
  plan: PoolPlan;
  /** Environment of the site contract; undefined without one. */
  siteEnv: string | undefined;
  /** Its VMs with what other stacks decide about them; undefined where that is not to be found. */
  vms: readonly VmOn<ListedPlacement>[] | undefined;
  context: PoolContext;
}

/** A pool on one placement, with everything that is known of it before it is made. */
export interface PoolToLookAt<Name extends ListedPlacement> {
  config: PlatformVmConfig;
  plan: PlanOn<Name>;
  vms: readonly VmOn<Name>[];
  /** What its placement wants to be looked at. */
  wanted: WantedOn<Name>;
}

/** A stack of platform-vm. */
export interface PoolStack {
  place: StackPlace;
  resources: StateResource[];
  deployed: DeployedVm[];
  /** What was looked at so far. */
  checks: Check[];
  /** What an update would replace by new, empty disks or VMs, and refuses to; a rebuild makes new ones on purpose. */
  lost: Check[];
  /** Undefined where the configuration, or a contract, cannot be used. */
  pool: Pool | undefined;
}

/** @throws Failure when Pulumi does not give the stack. */
export async function readPoolStack(pulumi: Pulumi, place: StackPlace): Promise<PoolStack> {
  const { values, resources } = await readStack(pulumi, place);
  const state = Object.fromEntries(resources.map((resource) => [resource.urn, resource]));
  const deployed = deployedVms(state);
  const checks: Check[] = [];
  const around = { place, resources: state, deployed };
  const pool = await understood(pulumi, around, values, (more) => checks.push(...more));
  const refused = pool && refusals(deployed, pool.plan, place.stack);
  if (pool && refused) checks.push(...guardChecks(place, deployed, pool.plan, refused.always));
  const lost = (refused?.rebuildOnly ?? []).map((one) => refusedCheck(place, one));
  return { place, resources, deployed, checks, lost, pool };
}

/** Follows the program from key to plan, as far as it comes. */
async function understood(
  pulumi: Pulumi,
  around: Omit<PoolContext, "config"> & { place: StackPlace },
  values: Record<string, string>,
  report: (checks: Check[]) => void,
): Promise<Pool | undefined> {
  const { place } = around;
  const stack: ConfiguredStack = { ...place, shape: platformVmConfig };
  const parsed = await attempt("every key of the configuration is known and legal", stack, () =>
    parseConfig(place.project, place.stack, platformVmConfig, values),
  );
  report(parsed.checks);
  const config = parsed.value;
  if (!config) return undefined;
  const about = config["site.stack"] ?? config["site.file"];
  const site = await attempt(`the site contract is there (${about ?? "not asked for"})`, stack, () =>
    readConsumed(pulumi, place.project, siteContract, config),
  );
  if (about !== undefined) report(site.checks);
  if (!("value" in site)) return undefined;
  const ipam = config.addressing?.mode === "ipam";
  const netbox = await attempt(
    `the netbox contract is there (${config["netbox.file"] ?? "not asked for"})`,
    stack,
    async () => (ipam ? readConsumed(pulumi, place.project, netboxContract, config) : undefined),
  );
  if (ipam) report(netbox.checks);
  if (!("value" in netbox)) return undefined;
  const planned = await attempt(
    "the pool can be planned",
    stack,
    () => planPool(config, site.value, place, process.env.HYOPS_ENV, netbox.value),
    ({ vms }) => vms.map(({ name }) => name).join(", "),
  );
  report(planned.checks);
  const plan = planned.value;
  if (!plan) return undefined;
  const context = { ...around, config };
  const { resolves, resolve } = placementOf(plan);
  const resolved = await attempt(resolves ?? "", stack, () =>
    resolve(plan, { ...context, read: (contract, producer) => readContract(pulumi, contract, producer) }),
  );
  if (resolves !== undefined) report(resolved.checks);
  return { config, plan, siteEnv: site.value?.env, vms: resolved.value, context };
}

/** What a change would take away from people who use what stands. */
export function guardChecks(
  place: StackPlace,
  deployed: readonly Pick<DeployedVm, "key">[],
  { vms, permission }: { vms: readonly Pick<PlannedVm, "key">[]; permission: PoolPlan["permission"] },
  refused: readonly Refused[],
): Check[] {
  const { project, stack } = place;
  const verdict = judgeVmSet(
    `${project}/${stack}`,
    deployed.map(({ key }) => key),
    vms.map(({ key }) => key),
    permission,
  );
  const what = "no VM that stands is taken away";
  const others = refused.map((one) => refusedCheck(place, one));
  if (!verdict.allowed) {
    const fix = `pulumi config set allow_vm_set_replace ${verdict.transition} --stack ${stack}, in ${project}/, where this one change is meant`;
    return [{ what, status: "failed", found: verdict.message, fix }, ...others];
  }
  const found = verdict.warning ?? (verdict.added.length > 0 ? `in addition: ${verdict.added.join(", ")}` : undefined);
  return [{ what, status: "ok", ...(found === undefined ? {} : { found }) }, ...others];
}

function refusedCheck({ project, stack }: StackPlace, { key, reason }: Refused): Check {
  const fix = `edit ${project}:${key} in stacks/${project}/Pulumi.${stack}.yaml`;
  return { what: `${project}:${key} takes nothing away`, status: "failed", found: reason, fix };
}
