/**
 * What a job is told to do, as it was typed.
 */
import { parseArgs } from "node:util";
import { Failure } from "../../lib/failure.ts";
import { environmentOf, environmentVariable } from "../blueprint/environment.ts";

/** What stands behind the `--`. */
const commandOptions = {
  env: { type: "string" },
  ref: { type: "string" },
  file: { type: "string" },
  execute: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

const usage =
  "holdfast dispatch --runner <stack of ops-runner> -- blueprint deploy --env <env> --file <file> --execute";

/** Reads what stands behind the `--`. @throws Failure for what no runner does. */
export function readCommand(command: readonly string[]) {
  const { values, positionals } = parsedCommand(command);
  const [group, verb, ...more] = positionals;
  if (group !== "blueprint" || more.length > 0 || (verb !== "deploy" && verb !== "destroy" && verb !== "preflight")) {
    throw new Failure(`\`${command.join(" ")}\` cannot be dispatched`, usage);
  }
  if (verb === "preflight" && values.execute) throw new Failure("a preflight executes nothing", "leave --execute out");
  return { verb, values } as const;
}

function parsedCommand(command: readonly string[]) {
  try {
    return parseArgs({ args: [...command], options: commandOptions, allowPositionals: true });
  } catch (error) {
    throw new Failure((error as Error).message, usage);
  }
}

/**
 * The environment; every program that is started from here on gets it.
 * @throws Failure where it is not the same before the `--`, behind it, and in HYOPS_ENV.
 */
export function agreedEnvironment(before: string | undefined, behind: string | undefined): string {
  if (before !== undefined && behind !== undefined && before !== behind) {
    throw new Failure(
      `--env is ${before} before the --, and ${behind} behind it; nothing was sent`,
      "give one of them",
    );
  }
  const env = environmentOf(before ?? behind);
  process.env[environmentVariable] = env;
  return env;
}
