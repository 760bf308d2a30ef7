/**
 * Host keys that a stack's state vouches for, recorded where this workstation has none: a colleague, or a CI job on a fresh
 * machine, checks the same key as whoever met the host first. What the workstation knows already stays: it may be newer.
 */
import { knownHostsFile, normalizeKey, recordedKeys, recordKey } from "../../components/ssh/known-hosts.ts";
import type { ProviderConfig } from "../kind.ts";

/** Records them. Called while the plugin is configured: before the libvirt provider, which reads the same files, starts. */
export function recordHostKeys({ hypervisors = [] }: ProviderConfig): void {
  for (const { stack, host, port, hostKey } of hypervisors) {
    const file = knownHostsFile(stack);
    if (recordedKeys(file, host, port).length === 0) recordKey(file, host, port, normalizeKey(hostKey));
  }
}
