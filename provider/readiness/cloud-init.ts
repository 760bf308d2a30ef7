/**
 * Asking a machine how far its cloud-init is. `cloud-init status` starts a Python that asks systemd about every unit: seconds of
 * computing on a machine that is emulated, or busy with its first boot. So its result is looked at first, and cloud-init itself
 * is asked where there is none and where there is more to say.
 */
import { shellScript } from "../../lib/shell.ts";

const script = shellScript(import.meta.dirname, "cloud-init.sh");

/**
 * The command that asks: `look` prints a word, `status` what `cloud-init status` says, `wait` waits for the end of it.
 * @param seconds bound on waiting.
 * @param directory where cloud-init keeps what it does; the tests have one of their own.
 */
export function cloudInitCommand(
  verb: "look" | "status" | "wait",
  { seconds = 0, directory = "/run/cloud-init" }: { seconds?: number; directory?: string } = {},
): string {
  return script.call(verb, directory, seconds);
}
