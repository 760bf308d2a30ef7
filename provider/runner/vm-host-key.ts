/**
 * The VM's SSH host key after its first contact. The first key travels in the cloud-init disk, so that the first login is
 * checked; whoever can read that disk later must not be able to pose as the VM. So it gets another one at once, which is made
 * here and never asked of it: what a guest says of its own key may be another machine's.
 */

import { shellScript } from "../../lib/shell.ts";
import { impatient, type SshConnection, withSsh } from "../../lib/ssh/connection.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import { generateKeyPair } from "../../lib/ssh/key-pair.ts";
import { type HostKey, knownHostsFile, normalizeKey, pinKey } from "../../lib/ssh/known-hosts.ts";

const file = "/etc/ssh/ssh_host_ed25519_key";

/** Where a hypervisor keeps the host keys of VMs whose state may not have them: one file for each domain, a key on a line. */
export const vmKeysDirectory = "/etc/holdfast/vm-host-keys";

/** A key as it stands in such a file. */
export const vmKey = /^ssh-ed25519 [A-Za-z0-9+/]+=*$/;

/**
 * Gives the VM a key of its own in the place of its first one. Whichever line a run is cut off behind, the VM answers with the
 * first one or with one that was kept before it was there; see `keepVmKey`.
 * @param keep writes the public half down where the next run finds it, whatever becomes of this one.
 * @returns the key that it answers with from now on.
 */
export async function exchangeHostKey(vm: SshConnection, keep: (key: HostKey) => Promise<void>): Promise<HostKey> {
  const { privateKey, publicKey } = generateKeyPair("holdfast");
  const key = normalizeKey(publicKey);
  await keep(key);
  await vm.writeFiles([
    { path: file, content: privateKey, mode: "0600" },
    { path: `${file}.pub`, content: `${key}\n`, mode: "0644" },
  ]);
  await vm.must("systemctl reload-or-restart ssh.service 2>/dev/null || systemctl reload-or-restart sshd.service");
  const { stack, host, port } = vm.target;
  pinKey(knownHostsFile(stack), host, port, key);
  return key;
}

/**
 * Keeps a VM's key on its hypervisor, beside those that are kept there already: for the run after one that was cut off, from
 * whichever workstation, and for the next domain on the same disk. Out of reach of whoever is root on the VM.
 */
export function keepVmKey(hypervisor: SshTarget, domain: string, key: HostKey, signal: AbortSignal): Promise<void> {
  return onHypervisor(hypervisor, keep.call(domain, key), signal);
}

/** Keeps that key alone: when the state that has it goes. */
export function keepOnlyVmKey(hypervisor: SshTarget, domain: string, key: HostKey, signal: AbortSignal): Promise<void> {
  return onHypervisor(hypervisor, keep.call(domain, key, "alone"), signal);
}

const keep = shellScript(import.meta.dirname, "keep-vm-key.sh");

async function onHypervisor(hypervisor: SshTarget, command: string, signal: AbortSignal): Promise<void> {
  await withSsh(hypervisor, { ...impatient, signal }, (connection) => connection.must(command));
}

/** Takes away what is kept of domains that are gone. */
export const forgetGoneVms = shellScript(import.meta.dirname, "forget-gone-vms.sh");

/** The file of a domain. Its name is one that no shell minds, as the schema of the service says. */
export function pathOf(domain: string): string {
  return `${vmKeysDirectory}/${domain}`;
}
