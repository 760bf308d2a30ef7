/**
 * Ending a Pulumi that did not end by itself, with all that it started: language hosts and plugins whose engine alone is killed
 * go on for ever.
 */
import { readdirSync, readFileSync } from "node:fs";

/** Kills every process of a session. Where the system does not say who belongs to it, those of the leader's group. */
export function killSession(leader: number): void {
  for (const pid of membersOf(leader)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

function membersOf(leader: number): number[] {
  try {
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => pid > 0 && sessionOf(pid) === leader);
  } catch {
    return [-leader];
  }
}

function sessionOf(pid: number): number | undefined {
  try {
    // Behind the command's name: state, parent, group, session.
    const [, , , session] = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return Number(session);
  } catch {
    return undefined;
  }
}
