/**
 * The URI by which the libvirt provider reaches a hypervisor: over SSH, with the host key checked against the stack's own
 * known_hosts. Key path and home directory stay variables, which the provider expands, so that nothing of a workstation
 * gets into the state and no other operator sees a difference.
 */
import { keyPathVariable, type SshTarget } from "../ssh/connection.ts";
import { portableKnownHostsFile } from "../ssh/known-hosts.ts";

/** URI of a hypervisor's system libvirt. */
export function libvirtUri(host: Pick<SshTarget, "host" | "port" | "user" | "stack">): string {
  const options = new URLSearchParams({
    sshauth: "agent,privkey",
    keyfile: `\${${keyPathVariable}}`,
    knownhosts: portableKnownHostsFile(host.stack),
  });
  return `qemu+ssh://${encodeURIComponent(host.user)}@${host.host}:${host.port}/system?${options}`;
}
