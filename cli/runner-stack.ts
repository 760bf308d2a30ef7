/**
 * A runner stack as Pulumi keeps it: configuration, site contract and state, read by the pinned engine and understood by
 * the project's own schema and planner. Backend, passphrase and home are the operator's own. Nothing is changed, and
 * which stack is selected neither.
 */
import { join, resolve } from "node:path";
import { parseConfig } from "../components/config/strict.ts";
import { checkContract, consume } from "../components/contracts/contract.ts";
import { type Site, siteContract } from "../components/contracts/site.ts";
import { type Recorded, recordedIn } from "../components/preflight/recorded.ts";
import { ProgramError } from "../components/program-error.ts";
import { runnersConfig } from "../runners/config.ts";
import { planRunnerStack, type RunnerPlan, type RunnersConfig } from "../runners/plan.ts";
import { Failure } from "../toolchain/failure.ts";
import { ensureToolchain } from "../toolchain/index.ts";
import { run } from "../toolchain/run.ts";

const project = "runners";
const checkout = join(import.meta.dirname, "..");
/** Bound on one question to Pulumi, in milliseconds. */
const boundMs = 60_000;

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
export async function readRunnerStack(stack: string): Promise<RunnerStack> {
  if (!/^[\w.-]+$/.test(stack))
    throw new Failure(`${JSON.stringify(stack)} is no name of a stack`, "pulumi stack ls, in runners/");
  const pulumi = await engine();
  const [values, state] = await Promise.all([
    pulumi(project, "config", "--show-secrets", "--json", "--stack", stack),
    pulumi(project, "stack", "export", "--stack", stack),
  ]);
  const { config, plan } = await understood(stack, ownValues(values), pulumi);
  const { deployment } = JSON.parse(state) as { deployment: { resources?: Parameters<typeof recordedIn>[0] } };
  return { config, plan, recorded: recordedIn(deployment.resources ?? []) };
}

/** Configuration and plan as the program would have them; its own errors say all that is wrong at once. */
async function understood(stack: string, values: Record<string, string>, pulumi: Pulumi) {
  try {
    const config = parseConfig(project, stack, runnersConfig, values);
    const plan = planRunnerStack(config, await readSite(config, pulumi), { project, stack });
    return { config, plan };
  } catch (error) {
    throw error instanceof ProgramError ? new Failure(error.message) : error;
  }
}

/** Asks Pulumi in the folder of a project. Standard output holds secrets where they were asked for: no error repeats it. */
type Pulumi = (folder: string, ...args: string[]) => Promise<string>;

async function engine(): Promise<Pulumi> {
  const { PULUMI_HOME: _ours, ...env } = (await ensureToolchain(["pulumi"])).env;
  const next =
    "the command's own words say what is missing: a stack, PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE_FILE";
  return (folder, ...args) =>
    run("pulumi", [...args, "--non-interactive", "--color", "never"], {
      cwd: join(checkout, folder),
      env,
      timeoutMs: boundMs,
      next,
    });
}

/** The project's own values by key, as the program gets them. */
function ownValues(json: string): Record<string, string> {
  const values = JSON.parse(json) as Record<string, { value?: string }>;
  const prefix = `${project}:`;
  const own = Object.entries(values).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(own.map(([key, { value }]) => [key.slice(prefix.length), value ?? ""]));
}

async function readSite(config: RunnersConfig, pulumi: Pulumi): Promise<Site | undefined> {
  const stack = config["site.stack"];
  if (stack === undefined) {
    const file = config["site.file"];
    return consume(siteContract, { file: file && resolve(checkout, project, file) });
  }
  const output = await pulumi(".", "stack", "output", siteContract.output, "--json", "--stack", stack);
  return checkContract(siteContract, JSON.parse(output), `stack ${stack} of the foundation exports`);
}
