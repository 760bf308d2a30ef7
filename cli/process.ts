/**
 * Which process was meant: a number alone is given to another one sooner or later.
 */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";

/** A process, as records keep it. */
export const processSchema = z.object({
  pid: z.int(),
  /** What tells it from a later process of the same number; empty where the system does not say. */
  started: z.string(),
});

/** A process of this host. */
export type ProcessIdentity = z.output<typeof processSchema>;

/** The process that has this number now. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, started: startOf(pid) };
}

/** Whether a process lives, and is the one that was meant. */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // One of somebody else is there all the same.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const now = startOf(pid);
  return now !== "dead" && (now === started || now === "" || started === "");
}

/** When a process began, in the system's own count; `dead` for one that only waits to be buried. */
function startOf(pid: number): string {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return "";
  try {
    // Behind the name, which may hold anything.
    const fields = readFileSync(file, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" ? "dead" : (fields[19] ?? "");
  } catch {
    return "";
  }
}
