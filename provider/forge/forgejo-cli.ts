/**
 * Registration by shared secret, on the forge host itself, for a Forgejo whose API token we do not have: the command
 * `forgejo forgejo-cli actions register`. The same first 16 characters of the secret give the same uuid, so a second
 * try never makes a second row; the other 24 are the credential and can be rotated.
 */
import { createHash, randomBytes } from "node:crypto";
import { commandWords } from "../../lib/forge/forgejo-command.ts";
import { shellQuote } from "../../lib/shell.ts";
import { impatient, withSsh } from "../../lib/ssh/connection.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import { type CommandAnswer, explained, wordsOf } from "./forgejo-words.ts";

/** How to run Forgejo's own command line on the forge host. */
export interface ForgeHost extends SshTarget {
  /** Words without characters of a shell, run by whoever logs in, as `forgejoCommand` composes them. */
  command: string;
}

/** What a runner is registered as. */
export interface CliRunner {
  name: string;
  /** Empty for the whole instance, an organisation or a user, or `owner/repository`. */
  scope: string;
}

/**
 * A new secret for a runner: 16 hexadecimal characters that identify it, 24 that nobody can guess. In lower case: the
 * same secret in upper case is another runner.
 * @param identity owner mark and name of the runner; the same always gives the same uuid.
 */
export function sharedSecret(identity: string): string {
  return rotated(createHash("sha256").update(identity).digest("hex"));
}

/** The same runner's secret with another credential in it. */
export function rotated(secret: string): string {
  return secret.slice(0, 16) + randomBytes(12).toString("hex");
}

/**
 * The one command line that registers. `--secret-stdin` takes a value, any: without one of its own it eats the next word.
 * @throws for a command that a shell would not take as it stands, wherever it comes from.
 */
export function registerCommand(
  { host, command }: Pick<ForgeHost, "host" | "command">,
  { name, scope }: CliRunner,
): string {
  if (!commandWords.test(command)) {
    throw new Error(
      `on ${host}: the command of Forgejo has characters of a shell in it and is not run; set forge.ssh.command to plain words`,
    );
  }
  const wanted = scope ? ` --scope ${shellQuote(scope)}` : "";
  return `${command} forgejo-cli actions register --name ${shellQuote(name)}${wanted} --secret-stdin=true`;
}

/** Registers, or rotates the secret of, the runner that the secret identifies. Returns the uuid that Forgejo gave it. */
export async function registerBySecret(
  host: ForgeHost,
  runner: CliRunner & { secret: string },
  signal?: AbortSignal,
): Promise<string> {
  const command = registerCommand(host, runner);
  // No line end behind the secret: Forgejo counts it.
  const answer = await withSsh(host, { ...impatient, signal }, (connection) =>
    connection.run(command, { stdin: runner.secret, asUser: true }),
  );
  if (answer.code !== 0) {
    // The command's own words are in the error, and nobody promises that it keeps the secret to itself.
    const { found, fix } = failure(host, command, answer);
    throw new Error(`${found.replaceAll(runner.secret, "[secret]")}; ${fix}`);
  }
  const uuid = answer.stdout.trim().split("\n").at(-1)?.trim() ?? "";
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) {
    throw new Error(`on ${host.host}: \`${host.command} forgejo-cli actions register\` did not end with a uuid`);
  }
  return uuid;
}

/** What a failed command is to people: what was seen, and what to do next. */
export function failure(host: ForgeHost, command: string, answer: CommandAnswer): { found: string; fix: string } {
  const words = wordsOf(answer);
  const { means, fix } = explained(words) ?? {
    means: undefined,
    fix: "set forge.ssh.user, forge.ssh.forgejoUser, forge.ssh.forgejoConfig or forge.ssh.command so that it works",
  };
  const said = `\`${command}\` failed with ${answer.code}: ${words}`;
  return { found: `on ${host.host}: ${means ? `${means}: ` : ""}${said}`, fix };
}
