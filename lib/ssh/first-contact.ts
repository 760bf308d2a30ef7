/**
 * The host key of a machine before any provider dials it: pinned, or seen before, or taken at the first contact.
 */
import { connect, impatient } from "./connection.ts";
import type { SshTarget } from "./dial.ts";
import { type HostKey, knownHostsFile, normalizeKey, recordedKeys, recordKey } from "./known-hosts.ts";

/**
 * The key that a machine has to answer with; from then on the stack's state vouches for it on every other workstation.
 * @param vouched what the state knows already: where this workstation knows nothing, that is checked instead of trusting
 * whoever answers first. A refresh has recorded it by now; `--refresh=false` has not.
 * Undefined when it was never met and does not answer now: whoever needs it next says why.
 */
export async function knownHostKey(
  target: SshTarget,
  vouched: readonly { host: string; port: number; hostKey: string }[] = [],
): Promise<HostKey | undefined> {
  if (target.hostKey) return normalizeKey(target.hostKey);
  const file = knownHostsFile(target.stack);
  const recorded = () => recordedKeys(file, target.host, target.port)[0];
  const known = vouched.find(({ host, port }) => host === target.host && port === target.port);
  if (known && recorded() === undefined) recordKey(file, target.host, target.port, normalizeKey(known.hostKey));
  if (recorded() === undefined)
    await connect(target, impatient).then(
      (connection) => connection.close(),
      () => {},
    );
  return recorded();
}
