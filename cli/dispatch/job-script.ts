/**
 * What runs on the runner: a shell script of the job's own, in a session of its own, so that it outlives the connection that
 * began it. Its secrets are gone before it says that it ended.
 */
import { shellQuote } from "../../lib/shell.ts";

/** What the script is made of. */
export interface JobScript {
  /** Absolute paths on the runner: the release in use, the job's directory, and the one with its secrets. */
  release: string;
  directory: string;
  secrets: string;
  env: string;
  /** Backend that both ends reach; absent: the copy in the job's directory. */
  backendUrl: string | undefined;
  /** What is run, behind `holdfast`. */
  command: readonly string[];
  /** Names of the job's certificate files, by the variable that names them. */
  certificates: Readonly<Record<string, string>>;
  hasKey: boolean;
  /** Whether Pulumi gets a passphrase; stacks with another secrets provider need none. */
  hasPassphrase: boolean;
}

/** Names of what a job leaves in its directory. */
export const jobFiles = {
  /** What it says as it goes, and its answer. */
  log: "output.log",
  answer: "answer.out",
  /** Process of the script, and of the command. */
  pid: "pid",
  command: "command.pid",
  /** Exit code of the command: there when all is over. */
  exit: "exit",
} as const;

/** The script. It holds no secret. */
export function jobScript(script: JobScript): string {
  const { release, directory, secrets, env, backendUrl, command, certificates, hasKey, hasPassphrase } = script;
  const set = (name: string, value: string) => `${name}=${shellQuote(value)}; export ${name}`;
  const lines = [
    "#!/bin/sh",
    "# A job that was dispatched to this runner. It ends by itself; holdfast dispatch attach fetches what came of it.",
    "umask 077",
    `cd ${shellQuote(directory)} || exit 1`,
    // Whoever is told twice to begin begins once.
    "mkdir begun 2>/dev/null || exit 0",
    `: > ${jobFiles.log}`,
    `echo $$ > ${jobFiles.pid}.new && mv ${jobFiles.pid}.new ${jobFiles.pid}`,
    "trap '' HUP",
    "unset XDG_STATE_HOME XDG_CONFIG_HOME XDG_CACHE_HOME PULUMI_HOME PULUMI_STACK SSH_AUTH_SOCK",
    set("HOME", `${directory}/home`),
    // The command of the release makes a Pulumi home with its plugins, which is the job's own and goes with it.
    `${shellQuote(`${release}/bin/pulumi`)} version >/dev/null 2>>${jobFiles.log}`,
    "PULUMI_HOME=$HOME/.cache/holdfast/pulumi; export PULUMI_HOME",
    "PULUMI_SKIP_UPDATE_CHECK=1 PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
    "export PULUMI_SKIP_UPDATE_CHECK PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION",
    set("HYOPS_ENV", env),
    // Without notes beside the states: a Pulumi that is killed may leave them empty, and cannot be asked anything then.
    set("PULUMI_BACKEND_URL", backendUrl ?? `file://${directory}/backend?metadata=skip`),
    set("HOLDFAST_TOOLCHAIN", `${release}/toolchain`),
    `PATH=${shellQuote(`${release}/bin:${release}/node/bin`)}:$PATH; export PATH`,
    ...(hasPassphrase ? [set("PULUMI_CONFIG_PASSPHRASE_FILE", `${secrets}/passphrase`)] : []),
    ...(hasKey ? [set("RUNNER_SSH_KEY_PATH", `${secrets}/key`)] : []),
    ...Object.entries(certificates).map(([name, file]) => set(name, `${directory}/${file}`)),
    `. ${shellQuote(`${secrets}/environment`)}`,
    `${shellQuote(`${release}/node/bin/node`)} holdfast/cli/holdfast.js ${command.map(shellQuote).join(" ")} </dev/null >${jobFiles.answer} 2>>${jobFiles.log} &`,
    "command=$!",
    `echo $command > ${jobFiles.command}.new && mv ${jobFiles.command}.new ${jobFiles.command}`,
    "wait $command",
    "code=$?",
    `rm -rf ${shellQuote(secrets)}`,
    `echo $code > ${jobFiles.exit}.new && mv ${jobFiles.exit}.new ${jobFiles.exit}`,
  ];
  return `${lines.join("\n")}\n`;
}
