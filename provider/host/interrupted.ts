/**
 * What an update leaves that was cut off while libvirt made a domain: the domain is there, with our owner mark, and the state
 * does not know it. The next update would fail for ever, because libvirt has that name already.
 */

import { ownerDescription } from "../../lib/owner-mark.ts";
import { shellQuote } from "../../lib/shell.ts";
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

/** Shell script that removes those of them that are there and ours, without their disks, and prints their names. */
export function removalScript(domains: readonly string[], owner: string): string {
  const mark = shellQuote(`<description>${ownerDescription(owner)}</description>`);
  return `for domain in ${domains.map(shellQuote).join(" ")}; do
  virsh dumpxml --inactive "$domain" 2>/dev/null | grep -qF ${mark} || continue
  virsh destroy "$domain" >/dev/null 2>&1
  virsh undefine --managed-save "$domain" >/dev/null || exit 1
  echo "$domain"
done`;
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
    connection.run(removalScript(domains, wanted.owner)),
  );
  if (code === 0) return stdout.split("\n").filter(Boolean);
  throw new Error(
    `an update that was cut off left a domain on ${wanted.host.host} that cannot be removed: ${stderr.trim()}; ` +
      `see who needs it, then there: virsh destroy ${domains[0]}; virsh undefine ${domains[0]}, and the same command again`,
  );
}
