/**
 * What of the environment is secret: values that are hidden from everything that is written or shown. By the names of variables,
 * by name where a dispatch passed them on, the passphrase also where it is in a file, and passwords of proxies.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { proxySecrets } from "./http/proxy.ts";

/** On a runner: names of the variables that `--pass-env` passed on, separated by spaces. */
export const passedVariable = "HOLDFAST_PASSED_ENV";
/** From how many characters on what was passed on is hidden: `true`, `8080` or `debug` are in every sentence. */
const shortestPassed = 6;

/**
 * The secrets, without empty ones.
 * @param passed names of variables that are secret whatever they are called; default: none but those that a dispatch named.
 */
export function secretsOfEnvironment(passed: readonly string[] = [], env = process.env): string[] {
  const named = new Set([...passed, ...(env[passedVariable] ?? "").split(" ")]);
  const values = Object.entries(env).flatMap(([name, value = ""]) => {
    const isSecret = /(TOKEN|SECRET|PASSWORD|PASSPHRASE|_KEY)$/.test(name);
    return isSecret || (named.has(name) && value.length >= shortestPassed) ? [value] : [];
  });
  return [...values, ...proxySecrets(env), contentOf(fileOf("PULUMI_CONFIG_PASSPHRASE_FILE", env))].filter(
    (value) => value !== "",
  );
}

/** Path of the file that a variable names; undefined where it names none. */
export function fileOf(variable: string, env = process.env): string | undefined {
  return env[variable]?.replace(/^~(?=\/)/, homedir()) || undefined;
}

/** Whoever needs a file that cannot be read says so. */
function contentOf(path: string | undefined): string {
  try {
    return path === undefined ? "" : readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
