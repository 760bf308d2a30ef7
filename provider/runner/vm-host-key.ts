/**
 * The VM's SSH host key after its first contact. The first key travels in the cloud-init disk, so that the first login is
 * checked; whoever can read that disk later must not be able to pose as the VM. So the VM makes itself another one at once,
 * whose private half has never been anywhere else.
 */
import { impatient, type SshConnection, shellQuote, withSsh } from "../../components/ssh/connection.ts";
import type { SshTarget } from "../../components/ssh/dial.ts";
import { type HostKey, knownHostsFile, normalizeKey, pinKey } from "../../components/ssh/known-hosts.ts";

const file = "/etc/ssh/ssh_host_ed25519_key";

/**
 * Lets the VM change its first key for one of its own. One that has is left alone. Whichever line a run is cut off behind,
 * the next one logs in and goes on: it is the private half that tells, and sshd is told in any case.
 * @returns the public key that it answers with from now on.
 */
export async function retireFirstHostKey(connection: SshConnection, vm: Omit<SshTarget, "host">): Promise<HostKey> {
  const first = shellQuote(vm.hostKey ? normalizeKey(vm.hostKey) : "");
  const answer = await connection.must(`set -e
if [ "$(ssh-keygen -y -f ${file} | cut -d' ' -f1,2)" = ${first} ]; then
  rm -f ${file}.next ${file}.next.pub
  ssh-keygen -q -t ed25519 -N '' -C '' -f ${file}.next
  mv -f ${file}.next.pub ${file}.pub
  mv -f ${file}.next ${file}
fi
systemctl reload-or-restart ssh.service 2>/dev/null || systemctl reload-or-restart sshd.service
cut -d' ' -f1,2 ${file}.pub`);
  if (!/^ssh-ed25519 \S+$/.test(answer.trim()))
    throw new Error(`${connection.target.host} has no ed25519 host key in ${file}.pub; look at it with: ssh-keygen -A`);
  const key = normalizeKey(answer);
  pinKey(knownHostsFile(vm.stack), connection.target.host, connection.target.port, key);
  return key;
}

/**
 * The VM's public host key as its guest agent gives it to the hypervisor, whose own key is checked: a way that nobody on the
 * LAN is on. For a VM whose key this state does not know: its disk outlived its domain, or a run was cut off.
 * @returns undefined where no agent answers.
 */
export async function vouchedHostKey(
  hypervisor: SshTarget,
  domain: string,
  signal: AbortSignal,
): Promise<HostKey | undefined> {
  return withSsh(hypervisor, { ...impatient, signal }, async (connection) => {
    const ask = async <T>(execute: string, values: object): Promise<T | undefined> => {
      const request = shellQuote(JSON.stringify({ execute, arguments: values }));
      const command = `virsh -q -c qemu:///system qemu-agent-command --timeout 10 ${shellQuote(domain)} ${request}`;
      const { code, stdout } = await connection.run(command, { timeoutSeconds: 20 });
      return code === 0 ? (JSON.parse(stdout) as { return: T }).return : undefined;
    };
    const handle = await ask<number>("guest-file-open", { path: `${file}.pub`, mode: "r" });
    if (handle === undefined) return undefined;
    const read = await ask<{ "buf-b64": string }>("guest-file-read", { handle });
    await ask("guest-file-close", { handle });
    return read && normalizeKey(Buffer.from(read["buf-b64"], "base64").toString("utf8"));
  });
}
