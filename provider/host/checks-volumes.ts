/**
 * Space in the pool, and whose the volumes of our names are. Pure.
 *
 * The libvirt provider adopts a volume of the same name without a word, and volumes carry no owner mark. So a volume is
 * ours only when the stack's state has it, when our own domain uses it, or when it cannot hold anything that would be
 * lost: a base volume that nobody uses (its name has the image's digest, and `up` uploads that image again), and an
 * overlay of such a base volume to which nothing was ever written. The last two are what a run leaves that was cut off.
 */
import { basename } from "node:path";
import { domainOwner } from "../../lib/owner-mark.ts";
import type { Check } from "../../lib/preflight/check.ts";
import type { HostVm, PreflightArgs, VmNames } from "../../resources/host/preflight.ts";
import type { Answers } from "./host-probe.ts";

const gib = 1024 ** 3;
/** What a root disk takes at least until its first job: packages, the runner, logs. */
const headroom = gib;
/** Bytes that a fresh qcow2 overlay may take: its own tables. A boot writes tens of megabytes. */
const unwritten = 4 * 1024 ** 2;

/**
 * Whether the pool holds what is still to be made, of all VMs together. Root disks are sparse: less than their size is only
 * said.
 * @param imageBytes size of the image; a gibibyte where it is not known yet.
 */
export function spaceCheck(wanted: PreflightArgs, answers: Answers, imageBytes = gib): Check {
  const what = `pool ${wanted.pool} has space`;
  const free = freeBytes(answers);
  const missing = (name: string) => answers[`volume ${name}`]?.code !== 0;
  const names = wanted.vms.flatMap(({ volumes: { base, root } }) => [base, root]);
  if (free === undefined || names.some((name) => answers[`volume ${name}`] === undefined)) {
    return { what, status: "skipped", found: "not looked at: the pool did not say how much is free" };
  }
  const bases = wanted.vms.filter(({ volumes }) => missing(volumes.base));
  const roots = wanted.vms.filter(({ volumes }) => missing(volumes.root));
  const needed = bases.length * imageBytes + roots.length * headroom;
  const disk = `${inGib(free)} GiB are free`;
  if (free < needed) {
    return {
      what,
      status: "failed",
      found: `${disk}, ${inGib(needed)} GiB are needed at least (image, and a root disk that can grow${wanted.vms.length > 1 ? ", for each VM" : ""})`,
      fix: `make room in pool ${wanted.pool}, or: pulumi config set vm.pool <name>`,
    };
  }
  const sizes = roots.reduce((sum, { diskGb }) => sum + diskGb, 0);
  const tight = free < sizes * gib;
  return { what, status: "ok", found: tight ? `${disk}, less than the ${sizes} GiB of ${wanted.diskKey}` : disk };
}

function freeBytes(answers: Answers): number | undefined {
  const xml = answers["pool xml"]?.stdout ?? "";
  const inDirectory = /<pool type='(dir|fs|netfs)'/.test(xml);
  const said = inDirectory ? answers["pool free"]?.stdout : /<available unit='bytes'>(\d+)</.exec(xml)?.[1];
  return said !== undefined && /^\d+$/.test(said.trim()) ? Number(said) : undefined;
}

function inGib(bytes: number): string {
  return (bytes / gib).toFixed(1);
}

/**
 * Whether every VM's base volume is on the host and in the state: what a cut-off upload left is not in the state, and what was
 * removed by hand is not on the host.
 */
export function hasEveryBase({ vms, pool, recordedVolumes }: PreflightArgs, answers: Answers): boolean {
  return vms.every(
    ({ volumes: { base } }) => answers[`volume ${base}`]?.code === 0 && recordedVolumes.includes(`${pool}/${base}`),
  );
}

/** One check for each volume of a VM. */
export function volumeChecks(vm: HostVm, wanted: PreflightArgs, answers: Answers): Check[] {
  return (Object.keys(vm.volumes) as (keyof VmNames)[]).map((part) => volumeCheck(part, vm, wanted, answers));
}

function volumeCheck(part: keyof VmNames, vm: HostVm, wanted: PreflightArgs, answers: Answers): Check {
  const name = vm.volumes[part];
  const what = `volume ${name} is free or ours`;
  const volume = answers[`volume ${name}`];
  const users = answers[`users of ${name}`];
  if (!volume || !users || answers.pool?.code !== 0) {
    return { what, status: "skipped", found: "not looked at: the host gave no answer to this" };
  }
  if (volume.code !== 0) return { what, status: "ok", found: "free" };
  if (wanted.recordedVolumes.includes(`${wanted.pool}/${name}`)) return { what, status: "ok", found: "ours" };
  const domains = users.stdout
    .split("\n")
    .filter(Boolean)
    .map((file) => basename(file, ".xml"));
  const others = [...new Set(domains)].filter((domain) => domain !== vm.domain);
  if (others.length > 0) {
    return {
      what,
      status: "failed",
      found: `volume ${name} exists and belongs to ${others.join(", ")}`,
      fix: vm.fixes.name,
    };
  }
  const ours = domainOwner(answers[`domain ${vm.domain}`]?.stdout ?? "") === wanted.owner;
  if (ours && domains.includes(vm.domain)) return { what, status: "ok", found: "ours" };
  if (part === "base") return { what, status: "ok", found: "left by a run that was cut off; `up` uploads it again" };
  if (part === "root" && isUnwrittenOverlay(volume.stdout, vm.volumes.base)) {
    return { what, status: "ok", found: "left by a run that was cut off; nothing was ever written to it" };
  }
  return {
    what,
    status: "failed",
    found: `volume ${name} exists, no domain uses it, and nothing says that it is ours`,
    fix: `if nobody needs it: virsh vol-delete --pool ${wanted.pool} ${name}; else: ${vm.fixes.name}`,
  };
}

/** Whether a volume's XML is that of an overlay of `base` that takes no more than its own tables. */
function isUnwrittenOverlay(xml: string, base: string): boolean {
  const backing = /<backingStore>\s*<path>([^<]*)<\/path>/.exec(xml)?.[1];
  const [, unit, allocation] = /<allocation(?: unit='(\w+)')?>(\d+)</.exec(xml) ?? [];
  const bytes = unit === undefined || unit === "bytes" ? Number(allocation) : Number.NaN;
  return backing !== undefined && basename(backing) === base && bytes <= unwritten;
}
