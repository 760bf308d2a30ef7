/**
 * What is concluded from a hypervisor's answers: what is missing, whose a domain, a volume or an address is, and that
 * nothing is called good that was not observed. The script that asks is run too, against stand-ins for virsh and ip.
 *
 * Not proven here: the answers of a real libvirt (the lab ring).
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ownerDescription } from "../../../../lib/owner-mark.ts";
import { failures } from "../../../../lib/preflight/check.ts";
import { shellQuote } from "../../../../lib/shell.ts";
import { hostChecks } from "../../../../provider/host/checks-host.ts";
import { type Answers, parseAnswers, probeScript } from "../../../../provider/host/host-probe.ts";
import { base, owner, prepared, printed, vm, wanted } from "../../../fixtures/preflight.fixture.ts";

const no = { code: 1, stdout: "" };
const says = (stdout: string) => ({ code: 0, stdout });

/** What is said of a host that differs from a prepared one in these answers. */
function found(answers: Record<string, Answers[string]>, changes: Parameters<typeof wanted>[0] = {}) {
  const checks = hostChecks(wanted(changes), { ...prepared, ...answers });
  const skipped = checks.filter(({ status }) => status === "skipped").map(({ what }) => what);
  return { failed: failures(checks), skipped, checks };
}

const domainXml = (mark = owner) =>
  `<domain type='kvm'>\n<name>runner-02</name>\n<description>${ownerDescription(mark)}</description></domain>`;

test("a prepared host has nothing that fails, and nothing that was not looked at", () => {
  const { failed, skipped, checks } = found({});
  expect([failed, skipped]).toEqual([[], []]);
  expect(checks.length).toBeGreaterThan(12);
});

test("a host that was not reached has nothing that is good: every check is skipped", () => {
  const checks = hostChecks(wanted(), {});
  expect(checks.map(({ status }) => status)).toEqual(found({}).checks.map(() => "skipped"));
});

test.each([
  ["systemd", { systemd: no }, "the host was not booted with systemd"],
  ["libvirt", { libvirt: no }, "libvirt does not answer; sudo systemctl enable --now libvirtd"],
  ["KVM", { kvm: no }, "there is no /dev/kvm; turn virtualisation on in the firmware, or: pulumi config set vm.type"],
  ["nftables", { nft: no }, "nftables is not installed on the host; sudo apt-get install -y nftables"],
  ["the bridge", { "bridge br0": no }, "there is no bridge br0; make one that enslaves"],
  ["the pool", { pool: no }, "there is no storage pool images; virsh pool-define-as images dir"],
  [
    "a running pool",
    { pool: says("State:          inactive") },
    "storage pool images is stopped; virsh pool-start images",
  ],
])("without %s it is said what mends it", (_what, answers, message) => {
  const { failed } = found(answers);
  expect(failed).toEqual([expect.stringContaining(message)]);
});

test("everything that is missing is said at once", () => {
  const { failed } = found({ "bridge br0": no, pool: no, nft: no, kvm: no });
  expect(failed).toHaveLength(4);
});

test("the bridge rule takes iptables or nftables, a fence takes nftables", () => {
  expect(found({ nft: no }, { fenced: false }).failed).toEqual([]);
  expect(found({ iptables: no }, { fenced: false }).failed).toEqual([]);
  expect(found({ iptables: no }).failed).toEqual([]);
  expect(found({ iptables: no, nft: no }, { fenced: false }).failed).toEqual([
    "neither iptables nor nftables is installed on the host; sudo apt-get install -y nftables",
  ]);
});

test("emulation needs no KVM", () => {
  expect(found({ kvm: no }, { domainType: "qemu" }).failed).toEqual([]);
});

test("a login that is not root must be allowed to use libvirt itself, since the libvirt provider logs in as it", () => {
  const host = { ...wanted().host, user: "me" };
  expect(found({ "libvirt as user": no }, { host }).failed).toEqual([
    expect.stringContaining(
      "me may not use libvirt, and the libvirt provider logs in as me; sudo usermod -aG libvirt me",
    ),
  ]);
  expect(found({ "libvirt as user": says("") }, { host }).failed).toEqual([]);
  expect(found({}, { host }).skipped).toEqual(["me may use libvirt"]);
});

test("too little space fails only where it cannot work; less than the disk's size is only said", () => {
  const tight = found({ "pool free": says(String(30 * 1024 ** 3)) });
  expect(tight.failed).toEqual([]);
  expect(JSON.stringify(tight.checks)).toContain("30.0 GiB are free, less than the 40 GiB of vm.diskGb");
  expect(found({ "pool free": says(String(1024 ** 3)) }).failed).toEqual([
    expect.stringContaining("1.0 GiB are free, 2.0 GiB are needed at least"),
  ]);
});

test("a big image needs its own size; volumes that are there already need nothing", () => {
  const free = { ...prepared, "pool free": says(String(3 * 1024 ** 3)) };
  expect(failures(hostChecks(wanted(), free, 5 * 1024 ** 3))).toEqual([expect.stringContaining("6.0 GiB are needed")]);
  const recordedVolumes = [`images/${base}`, "images/runner-02.qcow2"];
  const there = { ...free, [`volume ${base}`]: says("<volume/>"), "volume runner-02.qcow2": says("<volume/>") };
  expect(failures(hostChecks(wanted({ recordedVolumes }), there, 5 * 1024 ** 3))).toEqual([]);
});

test("space that nobody told is not looked at; a pool that is no directory tells it itself", () => {
  expect(found({ "pool free": no }).skipped).toEqual(["pool images has space"]);
  const lvm = says("<pool type='logical'>\n<available unit='bytes'>107374182400</available></pool>");
  expect(found({ "pool xml": lvm, "pool free": says("4096") }).failed).toEqual([]);
});

test.each([
  ["without a mark", "<domain><description>by hand</description></domain>", "is not ours (it has no owner mark)"],
  ["of another stack", domainXml("home.runners.brix02"), "is owned by home.runners.brix02; pulumi config set vm.name"],
  ["of this stack under another site id", domainXml("site.runners.crunchy"), "pulumi config set site.id site"],
])("a domain of our name %s is refused", (_what, xml, message) => {
  const { failed } = found({ "domain runner-02": says(xml) });
  expect(failed).toEqual([expect.stringContaining(message)]);
});

test("our own domain may be there", () => {
  expect(found({ "domain runner-02": says(domainXml()) }).failed).toEqual([]);
});

const overlay = (backing: string, allocation: number) =>
  `<volume><allocation unit='bytes'>${allocation}</allocation><target/><backingStore>\n<path>/var/lib/libvirt/images/${backing}</path></backingStore></volume>`;
const root = "volume runner-02.qcow2 exists";

test.each([
  ["that somebody wrote to", overlay(base, 50_000_000)],
  ["over another image", overlay("runner-02-base-ffffffffffff.qcow2", 200_704)],
  ["without a base", "<volume><allocation unit='bytes'>200704</allocation></volume>"],
  ["of unknown size", overlay(base, 1).replace("unit='bytes'", "unit='TiB'")],
  ["that libvirt has not listed", ""],
])("a root volume %s, which neither state nor domain has, is refused", (_what, xml) => {
  expect(found({ "volume runner-02.qcow2": says(xml) }).failed).toEqual([
    `${root}, no domain uses it, and nothing says that it is ours; if nobody needs it: virsh vol-delete --pool images runner-02.qcow2; else: pulumi config set vm.name <another name>`,
  ]);
});

test("what a run leaves that was cut off is taken for what it is: a base volume, and an overlay of it never written to", () => {
  const left = { [`volume ${base}`]: says("<volume/>"), "volume runner-02.qcow2": says(overlay(base, 200_704)) };
  expect(found(left).failed).toEqual([]);
});

test("a cloud-init disk that nothing says is ours is refused: the libvirt provider would not replace it", () => {
  expect(found({ "volume runner-02-seed.iso": says("<volume/>") }).failed).toEqual([
    expect.stringContaining("virsh vol-delete --pool images runner-02-seed.iso"),
  ]);
});

test.each(["base", "root", "seed"] as const)(
  "a %s volume that another domain uses is refused, whatever it holds",
  (part) => {
    const answers = {
      [`volume ${vm().volumes[part]}`]: says(overlay(base, 1)),
      [`users of ${vm().volumes[part]}`]: says("/etc/libvirt/qemu/by-hand.xml\n/run/libvirt/qemu/by-hand.xml"),
    };
    expect(found(answers).failed).toEqual([
      expect.stringContaining("exists and belongs to by-hand; pulumi config set"),
    ]);
  },
);

test("a volume is ours when the state has it, or when our own domain uses it; a stranger's domain proves nothing", () => {
  const there = { "volume runner-02.qcow2": says(overlay(base, 50_000_000)) };
  expect(found(there, { recordedVolumes: ["images/runner-02.qcow2"] }).failed).toEqual([]);
  expect(found(there, { recordedVolumes: ["other/runner-02.qcow2"] }).failed).toHaveLength(1);
  const used = { ...there, "users of runner-02.qcow2": says("/etc/libvirt/qemu/runner-02.xml") };
  expect(found({ ...used, "domain runner-02": says(domainXml()) }).failed).toEqual([]);
  expect(found({ ...used, "domain runner-02": says(domainXml("home.runners.other")) }).failed).toHaveLength(2);
});

test("an address outside the network that the host sees is refused", () => {
  expect(found({}, { vms: [vm({ cidr: "198.51.100.16/24" })] }).failed).toEqual([
    expect.stringContaining("198.51.100.16 is outside 192.0.2.10/24, the network of br0; pulumi config set vm.ipCidr"),
  ]);
});

test("the host's own address is refused", () => {
  expect(found({}, { vms: [vm({ cidr: "192.0.2.10/24" })] }).failed).toEqual([
    expect.stringContaining("192.0.2.10 is the host's own address"),
  ]);
});

test.each([
  ["ARP", "192.0.2.16 lladdr 00:11:22:33:44:55 REACHABLE"],
  ["ping", "answers\n192.0.2.16 lladdr 00:11:22:33:44:55 STALE"],
])("an address that somebody answers for, by %s, is refused, even beside our own domain", (_what, stdout) => {
  const taken = { "neighbour 192.0.2.16": says(stdout) };
  const message = expect.stringContaining("192.0.2.16 is taken: 00:11:22:33:44:55 answers for it on the LAN");
  expect(found(taken).failed).toEqual([message]);
  expect(found({ ...taken, "domain runner-02": says(domainXml()) }).failed).toEqual([message]);
});

test("our own VM may have its address, by a card of a domain with our mark, whatever that domain's name is", () => {
  const neighbour = says("192.0.2.16 lladdr 52:54:00:00:00:01 REACHABLE");
  expect(
    found({ "neighbour 192.0.2.16": neighbour, "our cards": says("  <mac address='52:54:00:00:00:01'/>") }).failed,
  ).toEqual([]);
  expect(
    found({ "neighbour 192.0.2.16": neighbour, "our cards": says("  <mac address='52:54:00:00:00:02'/>") }).failed,
  ).toHaveLength(1);
  expect(found({ "neighbour 192.0.2.16": neighbour, "domain runner-02": says(domainXml()) }).failed).toHaveLength(1);
});

test.each([
  ["the host cannot ask", { code: 3, stdout: "" }],
  ["an old memory was not confirmed", says("192.0.2.16 lladdr 00:11:22:33:44:55 DELAY")],
  ["the kernel knows nothing", says("")],
])("whether an address is free is not known when %s", (_what, neighbour) => {
  expect(found({ "neighbour 192.0.2.16": neighbour })).toMatchObject({
    failed: [],
    skipped: ["192.0.2.16 is free or our VM's"],
  });
});

test("with DHCP no address is looked at", () => {
  const { checks } = found({ "neighbour 192.0.2.16": undefined }, { vms: [vm({ cidr: undefined })] });
  expect(checks.filter(({ what }) => what.includes("192.0.2"))).toEqual([]);
});

test("several VMs are looked at each by its own, a bridge that they share once, and their space together", () => {
  const names = { base: "b-base.qcow2", root: "b.qcow2", seed: "b-seed.iso" };
  const fixes = { ...vm().fixes, name: "set vms.b.vm_name to another name" };
  const second = vm({ domain: "b", cidr: "192.0.2.17/24", volumes: names, fixes });
  const free = Object.values(names).flatMap((name) => [
    [`volume ${name}`, no],
    [`users of ${name}`, no],
  ]);
  const answers = { ...Object.fromEntries(free), "domain b": no, "neighbour 192.0.2.17": says("192.0.2.17 FAILED") };
  const both = { vms: [vm(), second] };
  const { checks, failed, skipped } = found(answers, both);
  expect([failed, skipped]).toEqual([[], []]);
  expect(checks.filter(({ what }) => what.startsWith("bridge")).map(({ what }) => what)).toEqual(["bridge br0 exists"]);
  expect(checks.map(({ what }) => what)).toContain("192.0.2.17 is free or our VM's");
  const three = String(3 * 1024 ** 3);
  expect(found({ ...answers, "pool free": says(three) }, both).failed).toEqual([
    expect.stringContaining(
      "3.0 GiB are free, 4.0 GiB are needed at least (image, and a root disk that can grow, for each VM)",
    ),
  ]);
  const strange = "<domain><description>by hand</description></domain>";
  expect(found({ ...answers, "domain b": says(strange) }, both).failed).toEqual([
    "a domain b exists and is not ours (it has no owner mark); set vms.b.vm_name to another name",
  ]);
  expect(found({ ...answers, "neighbour 192.0.2.17": undefined }, both).skipped).toHaveLength(1);
});

/** Runs the probe's script where `virsh`, `ip` and `ping` are these scripts. */
function run(tools: Record<string, string>, changes: Parameters<typeof wanted>[0] = {}): Answers {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-probe-"));
  mkdirSync(join(directory, "bin"));
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(directory, "bin", name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, "bin", name), 0o755);
  }
  const env = { PATH: `${directory}/bin:${process.env.PATH}`, DIRECTORY: directory };
  return parseAnswers(execFileSync("sh", ["-c", probeScript(wanted(changes))], { env, encoding: "utf8" }));
}

const virsh = `shift 3
case "$*" in
  list) ;;
  "version --daemon") echo "Running against daemon: 11.3.0" ;;
  "pool-info images") echo "State:  running" ;;
  "pool-dumpxml images") printf "<pool type='dir'>\\n  <path>$DIRECTORY</path>\\n</pool>\\n" ;;
  "dumpxml --inactive runner-02") printf "<domain>\\n@ odd\\n</domain>" ;;
  "vol-dumpxml --pool images runner-02.qcow2") exit 1 ;;
  *) exit 1 ;;
esac`;
const ip = `case "$*" in
  "-4 -o addr show dev br0") echo "3: br0    inet 192.0.2.10/24 scope global br0" ;;
  "-4 route get 192.0.2.16") echo "192.0.2.16 dev br0 src 192.0.2.10 uid 0" ;;
  "-4 route get"*) echo "198.51.100.16 via 192.0.2.1 dev br0 src 192.0.2.10 uid 0" ;;
  *neigh*) echo "192.0.2.16 lladdr 00:11:22:33:44:55 REACHABLE" ;;
  *) exit 1 ;;
esac`;

test("the script asks what is concluded from, in one go", () => {
  const answers = run({ virsh, ip, ping: "exit 0" });
  expect(Object.keys(answers).sort()).toEqual(Object.keys(prepared).sort());
  expect(answers).toMatchObject({
    "bridge br0": no,
    pool: says("State:  running"),
    "domain runner-02": says("<domain>\n@ odd\n</domain>"),
    "neighbour 192.0.2.16": says("answers\n192.0.2.16 lladdr 00:11:22:33:44:55 REACHABLE"),
    "volume runner-02.qcow2": no,
    "pool free": says(expect.stringMatching(/^\d+$/) as unknown as string),
  });
});

test("the script asks for the addresses of several VMs side by side", () => {
  const answers = run({ virsh, ip, ping: "exit 1" }, { vms: [vm(), vm({ domain: "b", cidr: "198.51.100.16/24" })] });
  expect(answers["neighbour 192.0.2.16"]?.stdout).toContain("00:11:22:33:44:55 REACHABLE");
  expect(answers["neighbour 198.51.100.16"]).toEqual({ code: 3, stdout: "" });
  expect(answers["domain b"]).toEqual(no);
});

test("a file that libvirt has not listed is found in the pool's directory", () => {
  const answers = run({ virsh: `touch "$DIRECTORY/runner-02.qcow2"\n${virsh}`, ip, ping: "exit 1" });
  expect(answers["volume runner-02.qcow2"]).toEqual(says(""));
  expect(answers["volume runner-02-seed.iso"]).toEqual(no);
});

test("a libvirt that does not answer is asked once, and the rest is still told", () => {
  const answers = run({ virsh: 'echo x >>"$DIRECTORY/calls"; exit 1', ip, ping: "exit 1" });
  expect(answers.libvirt).toEqual(no);
  expect(answers).not.toHaveProperty("pool");
  expect(answers["neighbour 192.0.2.16"]?.stdout).toContain("REACHABLE");
});

test("an address behind a router cannot be asked for, and nobody waits for an answer", () => {
  expect(
    run({ virsh, ip, ping: "exit 0" }, { vms: [vm({ cidr: "198.51.100.16/24" })] })["neighbour 198.51.100.16"],
  ).toEqual({ code: 3, stdout: "" });
});

test("without a login's own questions and with an address by DHCP the script asks less, and with a user more", () => {
  expect(run({ virsh, ip }, { vms: [vm({ cidr: undefined })] })).not.toHaveProperty(["neighbour 192.0.2.16"]);
  expect(run({ virsh, ip }, { vms: [vm({ cidr: undefined })], host: { ...wanted().host, user: "me" } })).toHaveProperty(
    "libvirt as user",
  );
});

test("a question that ran out of time was not answered", () => {
  const answers = parseAnswers(printed({ ...prepared, "domain runner-02": { code: 124, stdout: "" } }));
  expect(answers).not.toHaveProperty("domain");
  expect(found({ "domain runner-02": undefined }).skipped).toEqual(["the name runner-02 is free or ours"]);
});

test("answers are read back as they were printed", () => {
  expect(parseAnswers(printed(prepared))).toEqual(prepared);
});

test("the script of a hundred VMs fits into one argument, quoted once more for sudo", () => {
  const vms = Array.from({ length: 100 }, (_, index) => vm({ domain: `vm-${index}`, cidr: `192.0.2.${index}/24` }));
  const script = probeScript(wanted({ vms }));
  // Linux takes 128 KiB for one.
  expect(Buffer.byteLength(shellQuote(script))).toBeLessThan(128 * 1024);
});
