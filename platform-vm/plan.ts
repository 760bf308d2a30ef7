/**
 * Decides everything about a pool from its configuration and, where there is one, the site contract. Pure. Messages keep the
 * words of the runbook, which operators search for.
 */
import type { ReplacePermission } from "../components/pool/vm-set.ts";
import { planOwner } from "../lib/config/site-keys.ts";
import { ConfigError, type Problem, type ReportProblem } from "../lib/config/strict.ts";
import type { Netbox } from "../lib/contracts/netbox.ts";
import type { Site } from "../lib/contracts/site.ts";
import type { PlatformVmConfig } from "./config.ts";
import { checkPlacementKeys } from "./placements/foreign-keys.ts";
import { type PoolPlan, placements } from "./placements/index.ts";
import { checkAddressing, planIpam, underIpam } from "./plan-ipam.ts";
import { requestedVms, vmEntries } from "./requested.ts";
import { sshRoutesTo } from "./ssh-routes.ts";

/**
 * @param place project and stack of the running program.
 * @param hyopsEnv the environment variable HYOPS_ENV; empty where it is not set.
 * @param netbox the NetBox that was made ready; absent where the configuration names none.
 * @throws one error with everything that does not fit together.
 */
export function planPool(
  config: PlatformVmConfig,
  site: Site | undefined,
  place: { project: string; stack: string },
  hyopsEnv = "",
  netbox?: Netbox,
): PoolPlan {
  const problems: Problem[] = [];
  const report: ReportProblem = (key, reason) => problems.push({ key, reason });
  const stack = `${place.project}/${place.stack}`;
  const env = environment(config, site, hyopsEnv, report);
  checkPlacementKeys(config, report);
  checkAddressing(config, report);
  const entries = vmEntries(config, report);
  const ipam = planIpam(config, { site, env, stack, netbox }, report);
  const requested = requestedVms(entries, config, { site, env }, report);
  const vms = ipam ? underIpam(requested, { site, env }, report) : requested;
  const part = placements[config.placement].plan({ config, vms, site, env, stack }, report);
  const owner = planOwner(config, site, place, report);
  if (problems.length > 0) throw new ConfigError(place.project, place.stack, problems);
  const { post_apply_ssh_readiness: readiness } = config;
  return {
    ...part,
    owner,
    env,
    permission: permissionOf(config.allow_vm_set_replace),
    readiness: { ...readiness, user: readiness.target_user ?? config.ssh_username },
    ...sshRoutesTo(config, site, stack),
    ...(ipam ? { ipam } : {}),
  };
}

/** The environment is said, never guessed from a name; two who say different things are an error. */
function environment(
  config: PlatformVmConfig,
  site: Site | undefined,
  hyopsEnv: string,
  report: ReportProblem,
): string {
  if (config.env && hyopsEnv && config.env !== hyopsEnv) {
    report("env", `is ${config.env}, and HYOPS_ENV says ${hyopsEnv}; unset it, or use the stack of that environment`);
  }
  return config.env ?? (hyopsEnv || site?.env || "");
}

function permissionOf(text: string): ReplacePermission {
  return text === "true" || text === "false" ? text === "true" : text;
}
