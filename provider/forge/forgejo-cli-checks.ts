/**
 * Proves, before anything is changed, that the forge host runs the very command line that registers: this login, this user,
 * these flags, this configuration, and standard input as it was sent. Forgejo looks at the secret after all of these and
 * before it makes anything, so a secret that it must refuse tells them without making a row. The scope comes after the
 * secret: what can be learnt of it is learnt by asking for what cannot exist in it.
 */
import type { Check } from "../../lib/preflight/check.ts";
import { impatient, type SshConnection, withSsh } from "../../lib/ssh/connection.ts";
import { type CliRunner, type ForgeHost, failure, registerCommand, sharedSecret } from "./forgejo-cli.ts";
import { type CommandAnswer, wordsOf } from "./forgejo-words.ts";

/** One character short. No secret: nothing accepts it. */
const refusedSecret = "0".repeat(39);
const refusal = /the secret must be exactly 40 characters long, not 39\b/;

/** Nobody and nothing on a forge can be called this: names there have letters, digits, hyphens, dots and underscores. */
const impossible = "~";

const timeoutSeconds = 30;

/** Both checks of the forge host. Changes nothing there. Never throws but for an aborted signal. */
export async function forgejoCliChecks(host: ForgeHost, runner: CliRunner, signal?: AbortSignal): Promise<Check[]> {
  const commandWhat = `the forge host ${host.host} answers SSH and runs the command that registers`;
  const scopeWhat = scopeName(runner.scope);
  try {
    const command = registerCommand(host, runner);
    return await withSsh(host, { ...impatient, signal }, async (connection) => {
      const answer = await connection.run(command, { stdin: refusedSecret, asUser: true, timeoutSeconds });
      const ran = commandCheck(commandWhat, host, command, answer);
      if (ran.status !== "ok")
        return [ran, { what: scopeWhat, status: "skipped", found: "the command did not get that far" }];
      return [ran, await scopeCheck(connection, host, runner)];
    });
  } catch (error) {
    signal?.throwIfAborted();
    const fix =
      "set forge.ssh.user, forge.ssh.port, forge.ssh.hostKey and forge.ssh.command so that it works, or use a token: " +
      "pulumi config set --secret forge.token";
    return [
      { what: commandWhat, status: "failed", found: (error as Error).message, fix },
      { what: scopeWhat, status: "skipped", found: "the forge host was not reached" },
    ];
  }
}

function commandCheck(what: string, host: ForgeHost, command: string, answer: CommandAnswer): Check {
  if (answer.code === 0) {
    const found = `on ${host.host}: \`${command}\` accepted a secret that Forgejo has to refuse`;
    return { what, status: "failed", found, fix: "does forge.ssh.command run Forgejo's own command line?" };
  }
  if (!refusal.test(wordsOf(answer))) return { what, status: "failed", ...failure(host, command, answer) };
  return { what, status: "ok", found: `\`${command}\` went as far as to look at the secret, and made nothing` };
}

/**
 * Whether the scope's owner is there, asked with the scope of something that cannot be there. Which repository there is
 * cannot be asked without making a row.
 */
async function scopeCheck(connection: SshConnection, host: ForgeHost, runner: CliRunner): Promise<Check> {
  const [owner = "", repository] = runner.scope.split("/");
  const what = scopeName(runner.scope);
  const asked = registerCommand(host, { ...runner, scope: owner === "" ? impossible : `${owner}/${impossible}` });
  const answer = await connection.run(asked, {
    stdin: sharedSecret(`preflight/${runner.name}`),
    asUser: true,
    timeoutSeconds,
  });
  const words = wordsOf(answer);
  const expected = owner === "" ? /user does not exist \[.*name: ~\]/ : /repository does not exist \[/;
  if (answer.code === 0 || !expected.test(words)) return { what, status: "failed", ...failure(host, asked, answer) };
  if (owner === "") return { what, status: "ok", found: "its database answers" };
  if (repository === undefined) return { what, status: "ok", found: `the forge has ${owner}` };
  return {
    what,
    status: "skipped",
    found: `the forge has ${owner}; whether that has ${repository} only registering tells`,
  };
}

function scopeName(scope: string): string {
  return scope === "" ? "the forge takes runners for the whole instance" : `the forge has the scope ${scope}`;
}
