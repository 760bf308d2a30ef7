/**
 * The environment that a command works in. Flag, HYOPS_ENV and stack say the same or it is an error: a silent winner gives VMs
 * on shared metal another environment's names.
 */
import { Failure } from "../../lib/failure.ts";

/** Name of the variable; it is set for every program that a blueprint runs. */
export const environmentVariable = "HYOPS_ENV";

/**
 * @param flag what `--env` says.
 * @throws Failure when nothing says it, or two say different things.
 */
export function environmentOf(flag: string | undefined, hyopsEnv = process.env[environmentVariable] ?? ""): string {
  if (flag !== undefined && hyopsEnv !== "" && flag !== hyopsEnv) {
    throw new Failure(
      `--env is ${flag}, and ${environmentVariable} says ${hyopsEnv}; nothing was changed`,
      `unset ${environmentVariable}, or give --env ${hyopsEnv}`,
    );
  }
  const env = flag ?? hyopsEnv;
  if (/^[a-z][a-z0-9-]*$/.test(env)) return env;
  if (env === "") throw new Failure("no environment is given", "--env dev, or HYOPS_ENV");
  throw new Failure(
    `${JSON.stringify(env)} is no name of an environment`,
    "lower-case letters, digits and hyphens, for example --env dev",
  );
}
