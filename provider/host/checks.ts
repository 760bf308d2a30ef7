/**
 * Looks at many things of a machine over one SSH round trip.
 */
import { createHash } from "node:crypto";
import type { SshConnection } from "../../lib/ssh/connection.ts";

/** Runs every check and gives the meanings of those that failed. `checks` maps what a failure means to a shell command. */
export async function failedChecks(host: SshConnection, checks: Record<string, string>): Promise<string[]> {
  const meanings = Object.keys(checks);
  const probe = Object.values(checks).map((command, index) => `{ ${command}; } >/dev/null 2>&1 || echo ${index}`);
  const failed = (await host.must(`${probe.join("\n")}\ntrue`)).split("\n").filter((line) => line !== "");
  return failed.map((index) => meanings[Number(index)] ?? index);
}

/** A check of every file, by path, that it has the content that it should have. */
export function intact(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([path, content]) => [
      `${path} was changed or removed`,
      `echo '${createHash("sha256").update(content).digest("hex")}  ${path}' | sha256sum --check --status`,
    ]),
  );
}
