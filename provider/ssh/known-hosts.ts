/**
 * Host keys that a stack's state vouches for, recorded where this workstation has none: a colleague, or a CI job on a fresh
 * machine, checks the same key as whoever met the host first. What the workstation knows already stays: it may be newer.
 */
import { z } from "zod";
import { knownHostsFile, normalizeKey, recordedKeys, recordKey } from "../../lib/ssh/known-hosts.ts";
import { publicKeyLine } from "../../lib/text.ts";
import type { ProviderConfig } from "../../resources/provider-config.ts";
import { sshTarget } from "../../resources/ssh-target.ts";

const hypervisor = sshTarget.extend({ hostKey: publicKeyLine });

/**
 * Records them. Called while the plugin is configured: before the libvirt provider, which reads the same files, starts.
 * @throws for what is no machine: it comes out of a state, and becomes lines of a file that says whom to trust.
 */
export function recordHostKeys({ hypervisors = [] }: ProviderConfig): void {
  const checked = z.array(hypervisor).safeParse(hypervisors);
  if (!checked.success) {
    const wrong = checked.error.issues.map(
      ({ path, message }) => `hypervisors.${path.map(String).join(".")}: ${message}`,
    );
    throw new Error(`the provider's configuration, or its state, is not what holdfast writes: ${wrong.join("; ")}`);
  }
  for (const { stack, host, port, hostKey } of checked.data) {
    const file = knownHostsFile(stack);
    if (recordedKeys(file, host, port).length === 0) recordKey(file, host, port, normalizeKey(hostKey));
  }
}
