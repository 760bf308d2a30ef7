/**
 * Where to dial a VM: its configured address, or, with DHCP, what its guest agent or the hypervisor's neighbour table says.
 * Both are the guest's word, so they say where to dial and no more; see vm-dial.ts.
 */
import { isIPv4 } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { shellQuote } from "../../lib/shell.ts";
import { type SshRetry, withSsh } from "../../lib/ssh/connection.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";

/** An address, and who says that it is the VM's, for messages. */
export interface Whereabouts {
  host: string;
  /** For example `its guest agent says so`. */
  source: string;
}

const sources = { agent: "its guest agent says so", arp: "the hypervisor's neighbour table says so" };

/** The VM's IPv4 address, asked of the guest agent first and of the hypervisor's neighbour table second. */
export async function vmAddress(
  vm: { vm: { host?: string | undefined }; hypervisor: SshTarget; domain: string },
  patience: SshRetry,
): Promise<Whereabouts> {
  if (vm.vm.host) return { host: vm.vm.host, source: "vm.ipCidr says so" };
  return withSsh(vm.hypervisor, { ...patience, attempts: 1 }, async (hypervisor) => {
    for (let attempt = 1; attempt <= patience.attempts; attempt++) {
      for (const [name, source] of Object.entries(sources)) {
        const command = `virsh -q -c qemu:///system domifaddr ${shellQuote(vm.domain)} --source ${name}`;
        const host = parseAddress((await hypervisor.run(command, { timeoutSeconds: 20 })).stdout);
        if (host) return { host, source };
      }
      patience.onWait?.(`waiting for ${vm.domain} to get an address by DHCP, try ${attempt} of ${patience.attempts}`);
      await pause(patience.pauseMs, undefined, { signal: patience.signal });
    }
    throw new Error(
      `${vm.domain} got no address by DHCP; look at its console: virsh console ${vm.domain} on ${vm.hypervisor.host}, or set vm.ipCidr`,
    );
  });
}

/** The first IPv4 address that is not loopback, link-local or docker's own in the output of `virsh domifaddr`. */
export function parseAddress(output: string): string | undefined {
  let nic = "";
  for (const line of output.split("\n")) {
    const [name = "", , family, cidr] = line.trim().split(/\s+/);
    // Further addresses of a card are listed below it with a dash for its name.
    if (name !== "-") nic = name;
    const address = cidr?.split("/")[0];
    if (
      family !== "ipv4" ||
      !address ||
      !isIPv4(address) ||
      address.startsWith("127.") ||
      address.startsWith("169.254.")
    )
      continue;
    if (/^(docker|br-|veth|virbr)/.test(nic)) continue;
    return address;
  }
  return undefined;
}
