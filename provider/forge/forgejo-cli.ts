/**
 * Registration by shared secret, on the forge host itself, for a Forgejo whose API token we do not have: the command
 * `forgejo forgejo-cli actions register`. The same first 16 characters of the secret give the same uuid, so a second
 * try never makes a second row; the other 24 are the credential and can be rotated.
 */
import { createHash, randomBytes } from "node:crypto";
import { impatient, shellQuote, withSsh } from "../../components/ssh/connection.ts";
import type { SshTarget } from "../../components/ssh/dial.ts";

/** How to run Forgejo's own command line on the forge host. */
export interface ForgeHost extends SshTarget {
  /** For example `forgejo`, or `docker exec -i -u git forgejo forgejo` where it runs in a container. */
  command: string;
}

/**
 * A new secret for a runner: 16 hexadecimal characters that identify it, 24 that nobody can guess.
 * @param identity owner mark and name of the runner; the same always gives the same uuid.
 */
export function sharedSecret(identity: string): string {
  return rotated(createHash("sha256").update(identity).digest("hex"));
}

/** The same runner's secret with another credential in it. */
export function rotated(secret: string): string {
  return secret.slice(0, 16) + randomBytes(12).toString("hex");
}

/** Registers, or rotates the secret of, the runner that the secret identifies. Returns the uuid that Forgejo gave it. */
export async function registerBySecret(
  host: ForgeHost,
  runner: { name: string; scope: string; secret: string },
  signal?: AbortSignal,
): Promise<string> {
  const scope = runner.scope ? ` --scope ${shellQuote(runner.scope)}` : "";
  const command = `${host.command} forgejo-cli actions register --name ${shellQuote(runner.name)}${scope} --secret-stdin`;
  const output = await withSsh(host, { ...impatient, signal }, (connection) =>
    connection.must(command, { stdin: runner.secret }),
  ).catch((error: Error) => {
    // The command's own words are in the error, and nobody promises that it keeps the secret to itself.
    throw new Error(error.message.replaceAll(runner.secret, "[secret]"));
  });
  const uuid = output.trim().split("\n").at(-1)?.trim() ?? "";
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) {
    throw new Error(`on ${host.host}: \`${host.command} forgejo-cli actions register\` did not end with a uuid`);
  }
  return uuid;
}

/**
 * Whether the forge host answers SSH and has a command that can register runners. Changes nothing there.
 * @throws with what is missing and what to set.
 */
export async function checkForgejoCli(host: ForgeHost, signal?: AbortSignal): Promise<void> {
  const command = `${host.command} forgejo-cli actions register --help`;
  const help = await withSsh(host, { ...impatient, signal }, (connection) =>
    connection.run(command, { timeoutSeconds: 20 }),
  );
  if (help.code === 0 && `${help.stdout}${help.stderr}`.includes("--secret-stdin")) return;
  const words = (help.stderr.trim() || help.stdout.trim()).split("\n").at(-1)?.slice(0, 200) ?? "";
  throw new Error(
    help.code === 0
      ? `on ${host.host}: \`${command}\` knows no --secret-stdin`
      : `on ${host.host}: \`${command}\` failed with ${help.code}: ${words}`,
  );
}
