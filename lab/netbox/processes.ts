/**
 * How the processes of a NetBox are run: those of a site in its namespace and cgroup, those of a test run as children that
 * end with their parent.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { identify, isAlive, startDaemon } from "../processes.ts";

/** A long-running process. */
export interface Service {
  /** What it prints goes to `logFile` of this name. */
  name: string;
  command: readonly string[];
  /** Command by which it becomes somebody else first. */
  as?: readonly string[];
  env?: NodeJS.ProcessEnv;
}

/** Starts long-running processes. */
export interface Launcher {
  /** Starts one. Gives a function that tells whether it still runs. */
  start(service: Service): Promise<() => boolean>;
}

/** Where a process's output goes. */
export function logFile(directory: string, name: string): string {
  return join(directory, `${name}.log`);
}

/** The last lines of a process's output, for messages. */
export function lastWords(directory: string, name: string): string {
  return readFileSync(logFile(directory, name), "utf8").trimEnd().split("\n").slice(-3).join(" | ");
}

/** Processes of a part of a site: they outlive this one, and end with the site. */
export function inSite(directory: string, namespace: string, cgroup: string): Launcher {
  return {
    async start({ name, command, as = [], env = process.env }) {
      const identity = await startDaemon({
        command: "nsenter",
        args: [`--net=/run/netns/${namespace}`, ...as, ...command],
        logFile: logFile(directory, name),
        recordFile: join(directory, `${name}.json`),
        cgroup,
        env,
      });
      return () => isAlive(identity);
    },
  };
}

/** Processes that end with this one, at the latest; and with `stop`. */
export class Children implements Launcher {
  private readonly running: ChildProcess[] = [];

  constructor(private readonly directory: string) {}

  async start({ name, command, as = [], env = process.env }: Service): Promise<() => boolean> {
    const log = openSync(logFile(this.directory, name), "w", 0o600);
    try {
      // Behind `as`: who becomes somebody else is no longer bound to its parent.
      const [file = "", ...args] = [...as, "setpriv", "--pdeathsig", "INT", ...command];
      const child = spawn(file, args, { cwd: "/", stdio: ["ignore", log, log], env });
      await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
      this.running.push(child);
      const identity = identify(child.pid ?? 0);
      return () => isAlive(identity);
    } finally {
      closeSync(log);
    }
  }

  /** Ends them, the last one first, and waits until they are gone. */
  async stop(): Promise<void> {
    for (const child of this.running.splice(0).reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      // PostgreSQL takes this for "without waiting for clients", the others for an end like any other.
      child.kill("SIGINT");
      const slow = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(slow);
    }
  }
}
