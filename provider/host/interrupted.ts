/**
 * What an update leaves that was cut off while libvirt made a domain: the domain is there, with our owner mark, and the state
 * does not know it. The next update would fail for ever, because libvirt has that name already.
 */

import { ownerDescription } from "../../lib/owner-mark.ts";
import { shellScript } from "../../lib/shell.ts";
import { impatient, withSsh } from "../../lib/ssh/connection.ts";
import type { PreflightArgs } from "../../resources/host/preflight.ts";

/**
 * Domains that may be such ones: the state has the root disk, which is made right before, and not the domain. Where the state was
 * lost as a whole it has neither, and where it cannot be read nothing is known: a machine that serves is left alone.
 */
export function unrecordedDomains({ vms, pool, recordedDomains, recordedVolumes }: PreflightArgs): string[] {
  return vms
    .filter(
      ({ domain, volumes }) =>
        recordedDomains?.includes(domain) === false && recordedVolumes.includes(`${pool}/${volumes.root}`),
    )
    .map(({ domain }) => domain);
}

/** Removes those of them that are there and ours, without their disks, and prints their names. */
const removal = shellScript(import.meta.dirname, "remove-interrupted.sh");

/** The command that does it. */
export function removalCommand(domains: readonly string[], owner: string): string {
  return removal.call(`<description>${ownerDescription(owner)}</description>`, ...domains);
}

/**
 * Removes them.
 * @returns the names of those that were there.
 * @throws with what virsh said and the command by hand, when one of them cannot be removed.
 */
export async function removeInterrupted(wanted: PreflightArgs, signal: AbortSignal): Promise<string[]> {
  const domains = unrecordedDomains(wanted);
  if (domains.length === 0) return [];
  const { code, stdout, stderr } = await withSsh(wanted.host, { ...impatient, signal }, (connection) =>
    connection.run(removalCommand(domains, wanted.owner)),
  );
  if (code === 0) return stdout.split("\n").filter(Boolean);
  throw new Error(
    `an update that was cut off left a domain on ${wanted.host.host} that cannot be removed: ${stderr.trim()}; ` +
      `see who needs it, then there: virsh destroy ${domains[0]}; virsh undefine ${domains[0]}, and the same command again`,
  );
}
