/**
 * Processes by identity. A process id alone is not one: it is used again. Id, start time and boot together are.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { Failure } from "../lib/failure.ts";

/** One process of this machine's one boot. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks after boot at which it started: field 22 of /proc/PID/stat. */
  startTicks: string;
  /** The kernel's random id of this boot. */
  bootId: string;
}

/** The kernel's random id of this boot; new after every reboot. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** The identity of a running process; `undefined` when there is none with this id, or only its zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    // The command name, in parentheses, may itself hold spaces and parentheses.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    const [state, startTicks] = [fields[0], fields[19]];
    if (state === "Z" || state === "X" || startTicks === undefined) return undefined;
    return { pid, startTicks, bootId: bootId() };
  } catch {
    return undefined;
  }
}

/** Whether exactly this process still runs (not another one that got its id). */
export function isAlive(identity: ProcessIdentity | undefined): boolean {
  if (identity === undefined) return false;
  const now = identify(identity.pid);
  return now !== undefined && now.startTicks === identity.startTicks && now.bootId === identity.bootId;
}

/** Reads an identity that `startDaemon` recorded; `undefined` when there is none or it is only half written. */
export function recordedProcess(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

/** What a daemon needs to be started and found again. */
export interface Daemon {
  command: string;
  args: string[];
  /** Receives stdout and stderr; written anew. */
  logFile: string;
  /** Receives the identity. */
  recordFile: string;
  /** The cgroup that it and everything it starts live in: what ends them together. */
  cgroup: string;
  env?: NodeJS.ProcessEnv;
}

/**
 * Starts a process that outlives this one: in its own session and in its cgroup *before* it does anything, so that it
 * can be ended even if this process dies before it has recorded it.
 */
export async function startDaemon(daemon: Daemon): Promise<ProcessIdentity> {
  const log = openSync(daemon.logFile, "w", 0o600);
  try {
    const [command, args] = insideCgroup(daemon.cgroup, daemon.command, daemon.args);
    const child = spawn(command, args, {
      detached: true,
      cwd: "/",
      stdio: ["ignore", log, log],
      env: daemon.env ?? process.env,
    });
    const pid = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("spawn", () => resolve(child.pid ?? 0));
    });
    child.unref();
    const identity = identify(pid);
    if (!identity) throw new Failure(`${daemon.command} ended as soon as it started.`, `look at ${daemon.logFile}`);
    writeFileSync(daemon.recordFile, JSON.stringify(identity), { mode: 0o600 });
    return identity;
  } finally {
    closeSync(log);
  }
}

/** The command line that runs a command inside a cgroup: a shell moves itself there and becomes the command. */
export function insideCgroup(cgroup: string, command: string, args: readonly string[]): [string, string[]] {
  return ["/bin/sh", ["-c", 'echo 0 >"$0" && exec "$@"', `${cgroup}/cgroup.procs`, command, ...args]];
}
