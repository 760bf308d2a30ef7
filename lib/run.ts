/**
 * Runs a command of the toolchain and turns its failure into something to act on.
 */
import { execFile } from "node:child_process";
import { Failure } from "./failure.ts";

/** How to run a command. */
export interface RunOptions {
  /** Working directory; default: this process's. */
  cwd?: string;
  /** Added to this process's environment. */
  env?: NodeJS.ProcessEnv;
  /** Milliseconds after which it is killed; default: no limit. */
  timeoutMs?: number;
  /** What to do when it fails; printed with the failure. */
  next?: string;
  /** Its standard input: the place for a secret. Default: none. */
  stdin?: string;
}

/**
 * Runs a command without a shell and returns its standard output.
 * @throws Failure with the last lines of its standard error.
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { cwd, env, timeoutMs = 0, next, stdin } = options;
  const settings = { cwd, env: { ...process.env, ...env }, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, settings, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const lines = stderr.trim().split("\n").slice(-12).join("\n    ");
      const reason = error.killed ? `was stopped after ${timeoutMs} ms` : `failed (${error.code ?? error.signal})`;
      const text = `${[command, ...args].join(" ")} ${reason}${cwd ? ` in ${cwd}` : ""}${lines ? `:\n    ${lines}` : ""}`;
      reject(new Failure(text, next, { cause: error }));
    });
    // A command that ends without reading it says why by its exit code.
    child.stdin?.on("error", () => {}).end(stdin);
  });
}
