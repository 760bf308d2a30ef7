/**
 * `holdfast doctor host <stack>`: what the preflight of a runner stack looks at, the good and the bad, without Pulumi's
 * program. It changes nothing; a host is prepared by hand.
 */
import { preflightChecks } from "../provider/host/preflight.ts";
import { locateForge } from "../runners/forge.ts";
import { planPreflight } from "../runners/preflight.ts";
import { exitCode, printTable } from "./check-table.ts";
import { readRunnerStack } from "./runner-stack.ts";

/** Bound on all checks together, in milliseconds; each has a shorter one of its own. */
const boundMs = 60_000;

/** Looks, prints, and gives the exit code: 0 all is well, 1 something failed, 2 something could not be looked at. */
export async function doctorHost(stack: string, options: { json: boolean }): Promise<number> {
  const { config, plan, recorded } = await readRunnerStack(stack);
  const wanted = planPreflight(config, plan, await locateForge(plan.forge), recorded);
  const context = { signal: AbortSignal.timeout(boundMs), forgeToken: config["forge.token"] };
  const { checks } = await preflightChecks(wanted, context);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ stack: plan.host.stack, host: plan.host.host, checks }, null, 2)}\n`);
  } else printTable(`${plan.host.stack} on ${plan.host.host}`, checks);
  return exitCode(checks);
}
