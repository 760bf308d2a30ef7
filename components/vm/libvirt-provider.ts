/**
 * The libvirt provider of a hypervisor. Its URI reaches libvirt over SSH, with the host key checked against the stack's own
 * known_hosts. Key path and home directory stay variables, which the provider expands, so that nothing of a workstation
 * gets into the state and no other operator sees a difference.
 */
import * as libvirt from "@pulumi/libvirt";
import type * as pulumi from "@pulumi/pulumi";
import { urlHost } from "../../lib/network/address.ts";
import { keyPathVariable, type SshTarget } from "../../lib/ssh/dial.ts";
import { portableKnownHostsFile } from "../../lib/ssh/known-hosts.ts";

/** URI of a hypervisor's system libvirt. */
export function libvirtUri(host: Pick<SshTarget, "host" | "port" | "user" | "stack">): string {
  const options = new URLSearchParams({
    sshauth: "agent,privkey",
    keyfile: `\${${keyPathVariable}}`,
    knownhosts: portableKnownHostsFile(host.stack),
  });
  return `qemu+ssh://${encodeURIComponent(host.user)}@${urlHost(host.host)}:${host.port}/system?${options}`;
}

/**
 * The explicit provider for one hypervisor; default providers are denied.
 * @param after a resource of our own plugin. The engine starts the providers of a state in the order of their resources, so
 * our plugin has written the known_hosts of a workstation that never met the host (`hypervisors` of its provider) before the
 * libvirt provider reads it; a refresh runs no program that could.
 */
export function libvirtProvider(
  name: string,
  host: Parameters<typeof libvirtUri>[0],
  after: pulumi.Resource,
): libvirt.Provider {
  return new libvirt.Provider(name, { uri: libvirtUri(host) }, { transforms: [pinVersion], dependsOn: after });
}

/**
 * States the package's version with the registration. The SDK leaves it out beside a package reference, and the engine
 * then takes the bridge's version from the last checkpoint for it: every second `up` would show a changed provider.
 */
function pinVersion({ props, opts }: pulumi.ResourceTransformArgs): pulumi.ResourceTransformResult {
  return { props, opts: { ...opts, version: libvirtVersion } };
}

/** Version of the package `@pulumi/libvirt`. */
const libvirtVersion = "0.8.3";
