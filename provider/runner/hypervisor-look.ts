/**
 * What a hypervisor says of a VM before anybody dials that: the host keys that are kept there for it, and which addresses are
 * the hypervisor's own, its gateway's and its name servers'. One round trip; changes nothing.
 */

import type { Taken } from "../../components/vm/whereabouts.ts";
import { impatient, withSsh } from "../../lib/ssh/connection.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import type { HostKey } from "../../lib/ssh/known-hosts.ts";
import { pathOf, vmKey } from "./vm-host-key.ts";

/** What it says. */
export interface HypervisorLook {
  /** Keys that the VM may have got; see `keepVmKey`. */
  keys: HostKey[];
  /** Addresses that no VM has. */
  taken: Taken;
}

/** What a line of the answer is about, in the words of a refusal. */
const whose = {
  own: "the hypervisor",
  gateway: "the gateway of the hypervisor",
  dns: "a name server of the hypervisor",
};

/** Looks. */
export async function lookAtHypervisor(
  hypervisor: SshTarget,
  domain: string,
  signal: AbortSignal,
): Promise<HypervisorLook> {
  const script = `export LC_ALL=C
sed 's/^/key /' ${pathOf(domain)} 2>/dev/null
ip -o addr show | sed -n 's/.* inet6* \\([0-9a-f.:]*\\).*/own \\1/p'
ip route show default | sed -n 's/.* via \\([0-9a-f.:]*\\).*/gateway \\1/p'
sed -n 's/^nameserver *\\([0-9a-f.:]*\\).*/dns \\1/p' /etc/resolv.conf
true`;
  return withSsh(hypervisor, { ...impatient, signal }, async (connection) =>
    parseLook(await connection.must(script, { timeoutSeconds: 20 })),
  );
}

/** Reads the answer. Exported for the tests. */
export function parseLook(answer: string): HypervisorLook {
  const lines = answer.split("\n").map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]);
  const taken: Record<string, string> = {};
  for (const [what = "", address = ""] of lines) {
    if (what in whose && address !== "") taken[address] ??= whose[what as keyof typeof whose];
  }
  const keys = lines.flatMap(([what, key = ""]) => (what === "key" && vmKey.test(key) ? [key as HostKey] : []));
  return { keys, taken };
}
