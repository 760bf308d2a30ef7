/**
 * A runner stack as Pulumi keeps it: configuration, site contract and state, understood by the project's own schema and
 * planner. Nothing is changed.
 */
import { parseConfig } from "../../lib/config/strict.ts";
import { siteContract } from "../../lib/contracts/site.ts";
import { Failure } from "../../lib/failure.ts";
import { type Recorded, recordedIn } from "../../lib/preflight/recorded.ts";
import { ProgramError } from "../../lib/program-error.ts";
import { runnersConfig } from "../../runners/config.ts";
import { planRunnerStack, type RunnerPlan, type RunnersConfig } from "../../runners/plan.ts";
import { runners } from "../../runners/project.ts";
import { Pulumi, stackPlace } from "../pulumi.ts";
import { readConsumed, readStack } from "../stack.ts";

/** A runner stack. */
export interface RunnerStack {
  /** Holds the forge's token in the clear. */
  config: RunnersConfig;
  plan: RunnerPlan;
  recorded: Recorded;
}

/**
 * Reads a stack.
 * @throws Failure when it cannot be read or its configuration cannot be used.
 */
export async function readRunnerStack(name: string): Promise<RunnerStack> {
  const place = stackPlace(name, [runners.name], runners.name);
  const pulumi = await Pulumi.open();
  const { values, resources } = await readStack(pulumi, place);
  try {
    const config = parseConfig(place.project, place.stack, runnersConfig, values);
    const plan = planRunnerStack(config, await readConsumed(pulumi, place.project, siteContract, config), place);
    return { config, plan, recorded: recordedIn(resources) };
  } catch (error) {
    throw error instanceof ProgramError ? new Failure(error.message) : error;
  }
}
