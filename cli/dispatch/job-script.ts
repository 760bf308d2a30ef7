/**
 * What runs on the runner: a shell script of the job's own, in a session of its own, so that it outlives the connection that
 * began it. Its secrets are gone before it says that it ended.
 */
import { shellQuote, shellScript } from "../../lib/shell.ts";

/** What the script has to know. */
export interface JobSettings {
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

/** Names of what a job leaves in its directory; its scripts know them, too. */
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

/** The script; it reads what it is about from its settings, beside it. */
export const jobScript = shellScript(import.meta.dirname, "job.sh");

/** The settings, as shell: variables, and the command as arguments. They hold no secret. */
export function jobSettings(settings: JobSettings): string {
  const { release, directory, secrets, env, backendUrl, command, certificates, hasKey, hasPassphrase } = settings;
  const set = (name: string, value: string) => `${name}=${shellQuote(value)}`;
  const exported = {
    HYOPS_ENV: env,
    // Without notes beside the states: a Pulumi that is killed may leave them empty, and cannot be asked anything then.
    PULUMI_BACKEND_URL: backendUrl ?? `file://${directory}/backend?metadata=skip`,
    ...(hasPassphrase ? { PULUMI_CONFIG_PASSPHRASE_FILE: `${secrets}/passphrase` } : {}),
    ...(hasKey ? { RUNNER_SSH_KEY_PATH: `${secrets}/key` } : {}),
    ...Object.fromEntries(Object.entries(certificates).map(([name, file]) => [name, `${directory}/${file}`])),
  };
  const lines = [
    ...Object.entries({ release, directory, secrets }).map(([name, value]) =>
      set(`HOLDFAST_JOB_${name.toUpperCase()}`, value),
    ),
    ...Object.entries(exported).map(([name, value]) => `export ${set(name, value)}`),
    `set -- ${command.map(shellQuote).join(" ")}`,
  ];
  return `${lines.join("\n")}\n`;
}
