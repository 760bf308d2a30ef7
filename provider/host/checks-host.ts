/**
 * What a hypervisor's answers mean for what is to be made on it. Pure: host-probe.ts asks, this concludes.
 */

import { domainOwner, parseOwnerMark } from "../../lib/owner-mark.ts";
import type { Check } from "../../lib/preflight/check.ts";
import type { HostVm, PreflightArgs } from "../../resources/host/preflight.ts";
import { addressChecks } from "./checks-address.ts";
import { spaceCheck, volumeChecks } from "./checks-volumes.ts";
import type { Answer, Answers } from "./host-probe.ts";

/** What a check says when its question was not answered. */
const unanswered = { status: "skipped", found: "not looked at: the host gave no answer to this" } as const;

/**
 * All that can be said of a host. Empty answers mean that it was not reached: then every check is skipped.
 * @param imageBytes size of the image, where it is known.
 */
export function hostChecks(wanted: PreflightArgs, answers: Answers, imageBytes?: number): Check[] {
  const { pool, vms } = wanted;
  return [
    expected("systemd runs on the host", answers.systemd, {
      found: "the host was not booted with systemd, which keeps the bridge rule in place",
      fix: "use a host with systemd",
    }),
    libvirtCheck(answers),
    ...(wanted.host.user === "root" ? [] : [userCheck(wanted.host.user, answers)]),
    ...(wanted.domainType === "kvm" ? [kvmCheck(answers)] : []),
    firewallCheck(wanted, answers),
    ...[...new Map(vms.map((vm) => [vm.bridge, vm])).values()].map((vm) => bridgeCheck(vm, answers)),
    poolCheck(pool, answers),
    spaceCheck(wanted, answers, imageBytes),
    ...vms.flatMap((vm) => [
      domainCheck(vm, wanted.owner, answers),
      ...volumeChecks(vm, wanted, answers),
      ...addressChecks(vm, answers),
    ]),
  ];
}

function bridgeCheck({ bridge, fixes }: HostVm, answers: Answers): Check {
  return expected(`bridge ${bridge} exists`, answers[`bridge ${bridge}`], {
    found: `there is no bridge ${bridge}`,
    fix: `make one that enslaves the LAN interface, or: ${fixes.bridge}`,
  });
}

/** Turns an exit code into a check; a question that was not answered into a skipped one. */
function expected(what: string, answer: Answer | undefined, otherwise: { found: string; fix: string }): Check {
  if (!answer) return { what, ...unanswered };
  return answer.code === 0 ? { what, status: "ok" } : { what, status: "failed", ...otherwise };
}

function libvirtCheck({ libvirt }: Answers): Check {
  const check = expected("libvirt answers", libvirt, {
    found: "libvirt does not answer",
    fix: "sudo systemctl enable --now libvirtd (or install libvirt-daemon-system)",
  });
  const version = libvirtVersion(libvirt);
  return version ? { ...check, found: `libvirt ${version}` } : check;
}

/** Version of the daemon in the output of `virsh version --daemon`, if it says one. */
export function libvirtVersion(answer: Answer | undefined): string | undefined {
  return /daemon: ([\d.]+)/.exec(answer?.stdout ?? "")?.[1];
}

function userCheck(user: string, answers: Answers): Check {
  return expected(`${user} may use libvirt`, answers["libvirt as user"], {
    found: `${user} may not use libvirt, and the libvirt provider logs in as ${user}`,
    fix: `sudo usermod -aG libvirt ${user}`,
  });
}

function kvmCheck({ kvm }: Answers): Check {
  return expected("the host virtualises (/dev/kvm)", kvm, {
    found: "there is no /dev/kvm",
    fix: "turn virtualisation on in the firmware, or: pulumi config set vm.type qemu (slow)",
  });
}

/** The bridge rule takes either of them; the fence takes nftables. */
function firewallCheck({ fenced }: PreflightArgs, { iptables, nft }: Answers): Check {
  const what = fenced ? "nftables is installed, for the fence" : "iptables or nftables is installed";
  if (!nft || !iptables) return { what, ...unanswered };
  const there = nft.code === 0 || (!fenced && iptables.code === 0);
  if (there) return { what, status: "ok" };
  const found = `${fenced ? "nftables is not" : "neither iptables nor nftables is"} installed on the host`;
  return { what, status: "failed", found, fix: "sudo apt-get install -y nftables" };
}

function poolCheck(pool: string, answers: Answers): Check {
  const what = `storage pool ${pool} is active`;
  const answer = answers.pool;
  if (!answer) return { what, ...unanswered };
  if (answer.code === 0 && /^State: +running/m.test(answer.stdout)) return { what, status: "ok" };
  if (answer.code === 0) {
    const fix = `virsh pool-start ${pool}; virsh pool-autostart ${pool}`;
    return { what, status: "failed", found: `storage pool ${pool} is stopped`, fix };
  }
  const fix =
    `virsh pool-define-as ${pool} dir --target <directory> && virsh pool-build ${pool}; ` +
    `virsh pool-start ${pool}; virsh pool-autostart ${pool}; or: pulumi config set vm.pool <name>`;
  return { what, status: "failed", found: `there is no storage pool ${pool}`, fix };
}

function domainCheck({ domain, fixes }: HostVm, owner: string, answers: Answers): Check {
  const what = `the name ${domain} is free or ours`;
  const answer = answers[`domain ${domain}`];
  if (!answer || answers.libvirt?.code !== 0) return { what, ...unanswered };
  if (answer.code !== 0) return { what, status: "ok", found: "free" };
  const mark = domainOwner(answer.stdout);
  if (mark === owner) return { what, status: "ok", found: "ours" };
  return { what, status: "failed", ...strange(domain, mark, owner, fixes.name) };
}

/** Says whose a domain is that is not ours; our own under another site id is the likeliest mistake. */
function strange(
  domain: string,
  mark: string | undefined,
  wanted: string,
  fix: string,
): { found: string; fix: string } {
  if (mark === undefined) return { found: `a domain ${domain} exists and is not ours (it has no owner mark)`, fix };
  const [theirs, ours] = [parseOwnerMark(mark), parseOwnerMark(wanted)];
  if (theirs && ours && theirs.project === ours.project && theirs.stack === ours.stack) {
    return {
      found: `a domain ${domain} exists and is this stack's own under site.id ${theirs.site}; it is ${ours.site} now`,
      fix: `put the old id back: pulumi config set site.id ${theirs.site}`,
    };
  }
  return { found: `a domain ${domain} exists and is owned by ${mark}`, fix };
}
