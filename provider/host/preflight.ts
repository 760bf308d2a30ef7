/**
 * `holdfast:host:preflight`: looks at a hypervisor before anything is changed, in previews too. Bounded, and every
 * problem is reported at once. It also pins the host key that the libvirt provider will check.
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { z } from "zod";
import { domainOwner, parseOwnerMark } from "../../components/owner/mark.ts";
import { impatient, type SshConnection, shellQuote, withSsh } from "../../components/ssh/connection.ts";
import type { ProviderFunction } from "../kind.ts";
import { sshTarget } from "../ssh/target.ts";

const inputs = z.strictObject({
  host: sshTarget,
  /** Bridge that must exist. */
  bridge: z.string().min(1),
  /** Storage pool that must be active. */
  pool: z.string().min(1),
  /** Domain that we are going to make; it may exist only if it is ours. */
  domain: z.string().min(1),
  /** Our owner mark. */
  owner: z.string().min(1),
  /** Domain type; kvm needs /dev/kvm on the host. */
  domainType: z.enum(["kvm", "qemu"]),
});

type Inputs = z.infer<typeof inputs>;

export const preflight: ProviderFunction<Inputs> = {
  token: "holdfast:host:preflight",
  inputs,
  async invoke(inputs, operation) {
    const found = await withSsh(inputs.host, { ...impatient, signal: operation.signal }, (host) =>
      problems(host, inputs),
    );
    if (!onPath("mkisofs")) {
      found.push(
        "mkisofs is missing on this workstation, the libvirt provider needs it: sudo apt-get install genisoimage",
      );
    }
    if (found.length > 0) {
      const list = found.map((problem) => `\n  - ${problem}`).join("");
      throw new Error(`host ${inputs.host.host} is not ready, nothing was changed:${list}`);
    }
    return { address: inputs.host.host };
  },
};

async function problems(host: SshConnection, wanted: Inputs): Promise<string[]> {
  const found: string[] = [];
  const expect = async (command: string, problem: string) => {
    if ((await host.run(command, { timeoutSeconds: 10 })).code !== 0) found.push(problem);
  };
  const virsh = "virsh -q -c qemu:///system";
  if ((await host.run(`${virsh} list`, { timeoutSeconds: 10 })).code !== 0) {
    return ["libvirt does not answer: sudo systemctl enable --now libvirtd (or install libvirt-daemon-system)"];
  }
  await expect(
    `ip -d link show dev ${shellQuote(wanted.bridge)} type bridge | grep -q .`,
    `there is no bridge ${wanted.bridge}; make one that enslaves the LAN interface, or set vm.bridge`,
  );
  await expect(
    `${virsh} pool-info ${shellQuote(wanted.pool)} | grep -Eq '^State: +running'`,
    `storage pool ${wanted.pool} is missing or stopped: virsh pool-define-as ${wanted.pool} dir --target <directory> && ` +
      `virsh pool-build ${wanted.pool}; virsh pool-start ${wanted.pool}; virsh pool-autostart ${wanted.pool}; or set vm.pool`,
  );
  await expect("command -v iptables", "iptables is not installed: sudo apt-get install -y iptables");
  if (wanted.domainType === "kvm") {
    await expect(
      "test -c /dev/kvm",
      "there is no /dev/kvm; turn virtualisation on in the firmware, or set vm.type to qemu (slow)",
    );
  }
  const metadata = await host.run(`${virsh} dumpxml --inactive ${shellQuote(wanted.domain)}`, { timeoutSeconds: 10 });
  if (metadata.code === 0 && domainOwner(metadata.stdout) !== wanted.owner) {
    found.push(`a domain ${wanted.domain} exists and is ${strange(domainOwner(metadata.stdout), wanted.owner)}`);
  }
  return found;
}

/** Says whose a domain is that is not ours, and what to do; our own under another site id is the likeliest mistake. */
function strange(mark: string | undefined, wanted: string): string {
  if (mark === undefined) return "not ours (it has no owner mark); choose another vm.name";
  const [theirs, ours] = [parseOwnerMark(mark), parseOwnerMark(wanted)];
  if (theirs && ours && theirs.project === ours.project && theirs.stack === ours.stack) {
    return `this stack's own under site.id ${theirs.site}; it is ${ours.site} now: put the old id back`;
  }
  return `owned by ${mark}; choose another vm.name`;
}

/** Whether this workstation's PATH has the program. */
function onPath(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((directory) => existsSync(join(directory, program)));
}
