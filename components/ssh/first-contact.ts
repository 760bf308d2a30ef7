/**
 * The host key of a machine before any provider dials it: pinned, or seen before, or taken at the first contact.
 */
import { connect, impatient } from "./connection.ts";
import type { SshTarget } from "./dial.ts";
import { type HostKey, knownHostsFile, normalizeKey, recordedKeys } from "./known-hosts.ts";

/**
 * The key that a machine has to answer with; from then on the stack's state vouches for it on every other workstation.
 * Undefined when it was never met and does not answer now: whoever needs it next says why.
 */
export async function knownHostKey(target: SshTarget): Promise<HostKey | undefined> {
  if (target.hostKey) return normalizeKey(target.hostKey);
  const recorded = () => recordedKeys(knownHostsFile(target.stack), target.host, target.port)[0];
  if (recorded() === undefined)
    await connect(target, impatient).then(
      (connection) => connection.close(),
      () => {},
    );
  return recorded();
}
