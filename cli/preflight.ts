/**
 * `holdfast preflight <stack>`: everything about a stack of VMs, of templates or of an operations runner that can be looked at
 * without a change. What an update depends on counts; what it may do without only warns, unless `--strict` says that all of it counts.
 */
import type { Check } from "../lib/preflight/check.ts";
import { exitCode, printTable } from "./check-table.ts";
import { deployedMachines, hostKeysIn } from "./machines.ts";
import { opsRunnerProject, readOpsRunnerStack } from "./ops-runner-stack.ts";
import { netboxChecks } from "./pool-netbox.ts";
import { placementChecks } from "./pool-placement.ts";
import { type PoolStack, poolProject, readPoolStack } from "./pool-stack.ts";
import { accessChecks } from "./preflight-access.ts";
import { environmentCheck, evidenceCheck, publicKeyCheck, sshKeyCheck } from "./preflight-workstation.ts";
import { Pulumi, type StackPlace, stackPlace } from "./pulumi.ts";
import { readTemplateStack, templateProject } from "./template-stack.ts";

/** What an update depends on, and what it may do without. */
export interface Looked {
  required: Check[];
  optional: Check[];
}

/** Looks, prints, and gives the exit code: 0 all is well, 1 something failed, 2 something could not be looked at. */
export async function preflight(name: string, options: { strict: boolean; json: boolean }): Promise<number> {
  const place = stackPlace(name, [poolProject, templateProject, opsRunnerProject], poolProject);
  const pulumi = await Pulumi.open();
  const { required, optional } = (await ownChecks(pulumi, place)) ?? { required: [], optional: [] };
  const checks = [...required, ...(options.strict ? optional : optional.map(onlyWarns))];
  const stack = `${place.project}/${place.stack}`;
  if (options.json) process.stdout.write(`${JSON.stringify({ stack, strict: options.strict, checks }, null, 2)}\n`);
  else printTable(stack, checks);
  return exitCode(checks);
}

/** What a project has to look at beside its configuration; undefined for one that has nothing. */
export async function ownChecks(pulumi: Pulumi, place: StackPlace): Promise<Looked | undefined> {
  if (place.project === poolProject) return pool(pulumi, place);
  if (place.project === opsRunnerProject) return operationsRunner(pulumi, place);
  return place.project === templateProject ? templates(pulumi, place) : undefined;
}

/** What is not satisfied is shown and does not fail. */
export function onlyWarns(check: Check): Check {
  return check.status === "failed" || check.status === "skipped" ? { ...check, status: "warning" } : check;
}

async function pool(pulumi: Pulumi, place: StackPlace): Promise<Looked> {
  const stack = await readPoolStack(pulumi, place);
  const [placement, netbox, evidence, access] = await Promise.all([
    placementChecks(stack),
    netboxChecks(stack),
    evidenceCheck(),
    accessOf(stack),
  ]);
  // Without keys of its own a pool puts the operator's onto its VMs, and cannot be planned to the end without one.
  const needsKey = stack.pool !== undefined && stack.pool.config.ssh_keys.length === 0;
  const own = stack.pool && (stack.pool.config.env ?? stack.pool.siteEnv);
  return {
    required: [...stack.checks, ...stack.lost, ...(needsKey ? [publicKeyCheck()] : []), ...placement, ...netbox],
    optional: [sshKeyCheck(), ...access, evidence, environmentCheck(process.env.HYOPS_ENV ?? "", own)],
  };
}

async function accessOf({ place, resources, pool }: PoolStack): Promise<Check[]> {
  const what = "the ways to the VMs, and the VMs that stand, answer over SSH";
  if (!pool) return [{ what, status: "skipped", found: "not looked at: the configuration cannot be used" }];
  if (!pool.plan.readiness.enabled) return [];
  return accessChecks(`${place.project}/${place.stack}`, pool.plan, deployedMachines(resources), hostKeysIn(resources));
}

async function operationsRunner(pulumi: Pulumi, place: StackPlace): Promise<Looked> {
  const [{ required, route }, evidence] = await Promise.all([readOpsRunnerStack(pulumi, place), evidenceCheck()]);
  return { required: [sshKeyCheck(), ...required], optional: [...(route ? [route] : []), evidence] };
}

async function templates(pulumi: Pulumi, place: StackPlace): Promise<Looked> {
  const [required, evidence] = await Promise.all([readTemplateStack(pulumi, place), evidenceCheck()]);
  return { required, optional: [sshKeyCheck(), evidence] };
}
