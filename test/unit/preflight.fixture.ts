/**
 * What a preflight looks for, and the answers of a host that has it all.
 */
import type { HostVm, PreflightArgs } from "../../components/preflight/args.ts";
import type { Answers } from "../../provider/host/host-probe.ts";

export const owner = "home.runners.crunchy";
export const sha256 = "0123456789ab".padEnd(64, "c");
export const base = "runner-02-base-0123456789ab.qcow2";

/** A runner's VM with a static address. */
export function vm(changes: Partial<HostVm> = {}): HostVm {
  return {
    domain: "runner-02",
    bridge: "br0",
    volumes: { base, root: "runner-02.qcow2", seed: "runner-02-seed.iso" },
    diskGb: 40,
    mac: "52:54:00:00:00:01",
    cidr: "192.0.2.16/24",
    fixes: {
      name: "pulumi config set vm.name <another name>",
      bridge: "pulumi config set vm.bridge <name>",
      address: "pulumi config set vm.ipCidr <another address>/<prefix length>",
    },
    ...changes,
  };
}

/** It on a host that nobody answers at. */
export function wanted(changes: Partial<PreflightArgs> = {}): PreflightArgs {
  return {
    host: { host: "192.0.2.10", port: 22, user: "root", stack: "runners/crunchy" },
    pool: "images",
    owner,
    domainType: "kvm",
    fenced: true,
    vms: [vm()],
    diskKey: "vm.diskGb",
    recordedVolumes: [],
    recordedDomains: [],
    downloads: [],
    forge: { url: "https://forge.example.org", scope: "" },
    ...changes,
  };
}

const ok = (stdout = "") => ({ code: 0, stdout });
const no = { code: 1, stdout: "" };

/** A host that is prepared and empty. */
export const prepared: Answers = {
  systemd: ok(),
  iptables: ok("/usr/sbin/iptables"),
  nft: ok("/usr/sbin/nft"),
  kvm: ok(),
  "bridge br0": ok("3: br0: <BROADCAST>"),
  "bridge addresses br0": ok("3: br0    inet 192.0.2.10/24 brd 192.0.2.255 scope global br0\\       valid_lft forever"),
  "own addresses": ok(
    "1: lo    inet 127.0.0.1/8 scope host lo\\  valid_lft forever\n3: br0    inet 192.0.2.10/24 scope global br0\\  x",
  ),
  "our cards": no,
  "neighbour 192.0.2.16": ok("192.0.2.16 FAILED"),
  libvirt: ok("Using library: libvirt 11.3.0\nRunning against daemon: 11.3.0"),
  pool: ok("Name:           images\nState:          running\nAutostart:      yes"),
  "pool xml": ok("<pool type='dir'>\n  <name>images</name>\n  <available unit='bytes'>1</available>\n</pool>"),
  "pool free": ok("107374182400"),
  "domain runner-02": no,
  [`volume ${base}`]: no,
  "volume runner-02.qcow2": no,
  "volume runner-02-seed.iso": no,
  [`users of ${base}`]: no,
  "users of runner-02.qcow2": no,
  "users of runner-02-seed.iso": no,
};

/** The answers as the probe's script would print them. */
export function printed(answers: Answers): string {
  return Object.entries(answers)
    .map(([name, answer]) => `@@ ${name}\n${answer?.stdout}\n@= ${answer?.code}\n`)
    .join("");
}
