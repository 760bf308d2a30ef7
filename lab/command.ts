/**
 * Running a command in some part of the site, with an error that says which command failed and how.
 */
import { createInterface } from "node:readline";
import { execa } from "execa";
import { Failure } from "../lib/failure.ts";

/** How a command is run. */
export interface CommandOptions {
  /** Standard input; without it the command reads nothing. */
  input?: string;
  /** Added to the environment; `undefined` takes a variable away. */
  env?: Record<string, string | undefined>;
  /** Whether this process's own environment is handed on. Default true. */
  extendEnv?: boolean;
  /** The working directory. Default: this process's. */
  cwd?: string;
  /** Ends the command (SIGKILL) after this many milliseconds: a failure. Default: no bound. */
  timeoutMs?: number;
  /** Whether a failing command throws. Default true. */
  check?: boolean;
  /** Ends the command when it aborts. */
  signal?: AbortSignal;
  /** Hands output on to this process's as it comes, instead of returning it. Default false. */
  stream?: boolean;
  /** Told every line of standard output as it comes. */
  onLine?: (line: string) => void;
}

/** How a command ended. */
export interface CommandResult {
  /** Its exit code; -1 when it could not be started, was ended by a signal, or ran out of time. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a command as the machine's own user. `place` is where it runs, as its error says it. */
export async function runCommand(
  place: string,
  command: readonly [string, ...string[]],
  shown: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const [file, ...args] = command;
  const output = options.stream ? "inherit" : "pipe";
  const running = execa(file, args, {
    ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
    stdout: output,
    stderr: output,
    env: options.env ?? {},
    extendEnv: options.extendEnv ?? true,
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.signal ? { cancelSignal: options.signal } : {}),
    timeout: options.timeoutMs ?? 0,
    killSignal: "SIGKILL",
    reject: false,
    maxBuffer: 100_000_000,
  });
  if (options.onLine && running.stdout) createInterface(running.stdout).on("line", options.onLine);
  const result = await running;
  const [stdout, stderr] = [String(result.stdout ?? ""), String(result.stderr ?? "")];
  const exitCode = result.exitCode ?? -1;
  if (exitCode === 0 || options.check === false) return { exitCode, stdout, stderr };
  const how = result.timedOut ? `did not end within ${(options.timeoutMs ?? 0) / 1000} s` : `failed (${exitCode})`;
  const last = (stderr || stdout || (result.shortMessage ?? "")).trim().split("\n").slice(-3).join(" | ");
  throw new Failure(`${shown.join(" ")} on ${place} ${how}: ${last}`);
}
