/**
 * Where holdfast keeps what it must not forget on this machine: records, jobs, evidence. Unlike the cache nothing of it can be
 * made again.
 */
import { homedir } from "node:os";
import { join } from "node:path";

/** `$XDG_STATE_HOME/holdfast`, else `~/.local/state/holdfast`. Not created here. */
export function stateRoot(): string {
  return join(process.env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "holdfast");
}
