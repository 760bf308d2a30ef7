/**
 * The program that puts fences in force on a machine, the same for hypervisor and VM. A timer calls it every
 * minute: names may have moved, another card may be the VM's, and somebody may have flushed the lot. Each load is one
 * transaction, and connections that stand stay known.
 */
import { shellScript } from "../../lib/shell.ts";

/** Seconds between two loads. */
export const reassertSeconds = 60;

/** Loads, checks and unloads fences. */
export const scriptPath = "/usr/local/lib/holdfast/egress-fence";

/** One directory for each fence of the machine, named after its owner: `rules.nft` and `settings`. */
export const fencesDirectory = "/etc/holdfast/egress-fence.d";

/** The script. `load` puts every fence in force, `check OWNER` says what is not, `unload OWNER` takes one away. */
export const egressFence = shellScript(import.meta.dirname, "egress-fence.sh");
