/**
 * What crosses the bridge of a real host: the rule that opens it where kube-router closes it, in every back end that may
 * drop, and the fence that keeps a runner's VM off the LAN, from the start of its domain on. Real here: our plugin's code over SSH, systemd, iptables (nft and
 * legacy) and nftables on the host. The machines on the bridges are network namespaces, since no guest needs to
 * boot for this; the fence around a real VM's jobs is proven in fleet.test.ts.
 */
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { knownMachines, planEgress } from "../../components/fence/policy.ts";
import { tapName } from "../../components/fence/tap.ts";
import { openSite } from "../../lab/demo.ts";
import { kubeRouter } from "../../lab/faults.ts";
import { network } from "../../lab/layout.ts";
import { type Neighbour, plugNeighbour } from "../../lab/neighbour.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { siteDown } from "../../lab/site.ts";
import { until } from "../../lab/wait.ts";
import type { Workspace } from "../../lab/workspace.ts";

const siteName = "t-bridge";
const missing = missingPrerequisites().filter((what) => !what.startsWith("package "));
const mac = "52:54:00:00:00:31";
const owner = "lab.host.crunchy";
const tap = tapName(owner, "runner");
type Verb = "create" | "look" | "delete";

describe.skipIf(missing.length > 0)("the bridge of a host", () => {
  let workspace: Workspace;
  /** The runner's VM, another VM beside it, and two machines on a bridge that is nobody's of ours. */
  let runner: Neighbour;
  let other: Neighbour;
  let stranger: Neighbour;
  /** The program of one operation, in one file: it is started forty times. */
  let program: string;

  beforeAll(async () => {
    await siteDown(siteName);
    workspace = await openSite(siteName);
    program = join(workspace.directory, "kind.mjs");
    const entry = join(import.meta.dirname, "programs/kind.ts");
    await execa("node", ["--import", "tsx", join(workspace.directory, "provider/bundle.ts"), entry, program]);
    runner = await plugRunner();
    other = await plug("other", "br0", 32);
    stranger = await plug("stranger", "br1", 33);
    await plug("strange2", "br1", 34);
  });

  const plug = (name: string, bridge: string, last: number, ownTap?: string) =>
    plugNeighbour(siteName, "crunchy", {
      ...{ name, bridge, address: `198.51.100.${last}`, mac: `52:54:00:00:00:${last}` },
      ...(ownTap ? { tap: ownTap } : {}),
    });
  const plugRunner = () => plug("runner", "br0", 31, tap);

  afterAll(() => siteDown(siteName));

  beforeEach(async () => {
    await rule("delete");
    await fence("delete");
    await onHost("sh", "-c", "iptables-legacy -P FORWARD ACCEPT; nft delete table inet site 2>/dev/null");
    await kubeRouter(workspace.site.hosts.crunchy);
  });

  const onHost = (command: string, ...args: string[]) =>
    workspace.site.hosts.crunchy.exec(command, args, { check: false });
  const host = { host: network.hosts.crunchy, port: 22, user: "root", stack: "host/crunchy" };

  /** What the last operation warned of. */
  let output = "";

  /** Does this with a resource kind on the workstation, and gives what a look afterwards finds wrong. */
  async function operate(type: string, verb: Verb, inputs: object): Promise<string[]> {
    const { stdout, stderr } = await workspace.site.workstation.run("node", [program], {
      ...{ env: workspace.env, timeoutMs: 60_000 },
      input: JSON.stringify({ type, verb, inputs }),
    });
    output = stderr;
    return JSON.parse(stdout) as string[];
  }

  const rule = (verb: Verb) => operate("holdfast:host:BridgeForward", verb, { host, bridge: "br0", owner });
  const fence = (verb: Verb, allow: string[] = [], nic: object = { address: "198.51.100.31", tap }) => {
    const forgeUrl = workspace.site.forge.url;
    const policy = planEgress({ forgeUrl, dns: [network.gateway], allow, siteNetworks: [], publicAddresses: [] });
    return operate("holdfast:host:EgressFence", verb, { host, owner, mac, policy, ...nic });
  };
  /** A VM whose address is its DHCP server's to choose. */
  const byDhcp = () => {
    const forgeUrl = workspace.site.forge.url;
    const policy = planEgress({ forgeUrl, dns: [network.gateway], allow: [], siteNetworks: [], publicAddresses: [] });
    return { tap, known: knownMachines(policy, [network.gateway, network.hosts.crunchy]) };
  };
  /** What the timer does every minute. */
  const load = () => onHost("systemctl", "start", "holdfast-egress-fence.service");

  /** Whether a machine on the bridge gets an answer from the forge, which is on the LAN. */
  const crosses = (machine: Neighbour) => machine.reaches(network.forge, 3000);

  it("is dead without the rule and alive with it; a second bridge stays filtered", async () => {
    expect(await crosses(runner)).toBe(false);
    expect(await rule("create")).toEqual([]);
    expect(await crosses(runner)).toBe(true);
    expect(await pings(stranger, "198.51.100.34")).toBe(false);
    await onHost("iptables", "-P", "FORWARD", "ACCEPT");
    expect(await pings(stranger, "198.51.100.34")).toBe(true);
  });

  it.each([
    ["iptables' legacy back end", "iptables-legacy -F FORWARD; iptables-legacy -P FORWARD DROP"],
    [
      "a chain of nftables' own",
      "nft 'add table inet site; add chain inet site forward { type filter hook forward priority 0; policy drop; }'",
    ],
  ])("is opened in %s too, and closed again when nobody needs it", async (_, close) => {
    await rule("create");
    await onHost("sh", "-c", close);
    expect(await crosses(runner)).toBe(false);
    expect(await rule("look")).toEqual(["the rule for br0 is not in force"]);
    expect(await rule("create")).toEqual([]);
    expect(await crosses(runner)).toBe(true);
    await rule("delete");
    expect(await crosses(runner)).toBe(false);
    const left = "iptables-save; iptables-legacy-save; nft list ruleset";
    expect((await onHost("sh", "-c", left)).stdout).not.toMatch(/physdev --physdev-is-bridged|holdfast/);
  });

  it("is opened again after a flush and after a reboot", async () => {
    await rule("create");
    await kubeRouter(workspace.site.hosts.crunchy);
    expect(await crosses(runner)).toBe(false);
    // What the timer does every minute.
    await onHost("systemctl", "start", "libvirt-bridge-forward.service");
    expect(await crosses(runner)).toBe(true);
    await workspace.site.hosts.crunchy.boot();
    const wait = { what: "the rule after a reboot", boundMs: 30_000, everyMs: 500, lookAt: "systemctl list-timers" };
    await until(wait, async () => (await rule("look")).length === 0);
    runner = await plugRunner();
    other = await plug("other", "br0", 32);
    expect(await crosses(runner)).toBe(true);
  });

  const pings = async (machine: Pick<Neighbour, "run">, address: string) =>
    (await machine.run("busybox", ["ping", "-c1", "-W1", address], { check: false })).exitCode === 0;
  const closed: [string, string, number][] = [
    ["another port of the forge's host", network.forge, 22],
    ["the hypervisor", network.hosts.crunchy, 22],
    ["the gateway", network.gateway, 80],
    ["a cloud's metadata service", network.metadata, 80],
  ];

  it("lets a fenced machine reach the forge, DNS and the internet, and nothing else; its neighbour reaches all", async () => {
    await rule("create");
    expect(await fence("create")).toEqual([]);
    for (const [what, address, port] of closed) {
      expect(await other.reaches(address, port), what).toBe(true);
      expect(await runner.reaches(address, port), what).toBe(false);
    }
    expect(await pings(other, "198.51.100.2")).toBe(true);
    expect(await pings(runner, "198.51.100.2")).toBe(false);
    expect(await pings(runner, "198.51.100.32")).toBe(false);
    expect(await crosses(runner)).toBe(true);
    expect(await runner.reaches(network.internet, 80)).toBe(true);
    expect((await runner.run("getent", ["ahostsv4", "forge.lab"])).stdout).toContain(network.forge);
    // Who asks from outside is answered: the operator logs in over SSH.
    expect(await pings(workspace.site.workstation, "198.51.100.31")).toBe(true);
  });

  it("is not got round with another MAC address or IPv6", async () => {
    await rule("create");
    expect(await fence("create")).toEqual([]);
    await runner.run("ip", ["link", "set", "eth0", "address", "52:54:00:00:00:99"]);
    expect(await runner.reaches(network.hosts.crunchy, 22)).toBe(false);
    await onHost(
      "sh",
      "-c",
      "ip addr add fd00::10/64 dev br0 nodad 2>/dev/null; ip addr replace fd00::10/64 dev br0 nodad",
    );
    await runner.run("ip", ["addr", "add", "fd00::31/64", "dev", "eth0", "nodad"]);
    await other.run("ip", ["addr", "add", "fd00::32/64", "dev", "eth0", "nodad"]);
    expect(await other.reaches("fd00::10", 22)).toBe(true);
    expect(await runner.reaches("fd00::10", 22)).toBe(false);
    await runner.run("ip", ["link", "set", "eth0", "address", mac]);
  });

  it("is not got round with a VLAN tag", async ({ skip }) => {
    await rule("create");
    expect(await fence("create")).toEqual([]);
    const known = await onHost(
      "sh",
      "-c",
      "ip link add link br0 name probe.7 type vlan id 7 && ip link delete probe.7",
    );
    if (known.exitCode !== 0) skip("this kernel knows no VLANs");
    const tagged = (nic: string, last: number) =>
      `ip link add link ${nic} name ${nic}.7 type vlan id 7; ip addr add 198.18.7.${last}/24 dev ${nic}.7; ip link set ${nic}.7 up`;
    await onHost("sh", "-c", tagged("br0", 10));
    await runner.run("sh", ["-c", tagged("eth0", 31)]);
    await other.run("sh", ["-c", tagged("eth0", 32)]);
    expect(await other.reaches("198.18.7.10", 22)).toBe(true);
    expect(await runner.reaches("198.18.7.10", 22)).toBe(false);
  });

  it("has exceptions; a name opens the LAN only where its entry says so, and the hypervisor never", async () => {
    await rule("create");
    await onHost("sh", "-c", "echo '198.51.100.10 hypervisor.lab' >>/etc/hosts");
    expect(await fence("create", ["forge.lab:22", "lan:hypervisor.lab:22"])).toEqual([]);
    expect(output).toContain("warning: forge.lab is 198.51.100.3, which stays closed to jobs");
    expect(output).toContain("lan:forge.lab:22 in runner.egress.allow");
    expect(await runner.reaches(network.forge, 22)).toBe(false);
    expect(await runner.reaches(network.hosts.crunchy, 22)).toBe(false);
    expect(await fence("create", ["lan:forge.lab:22", "198.51.100.10:22"])).toEqual([]);
    expect(await runner.reaches(network.forge, 22)).toBe(true);
    expect(await runner.reaches(network.hosts.crunchy, 22)).toBe(true);
    expect(await runner.reaches(network.gateway, 80)).toBe(false);
  });

  it("is closed, not open, where it was taken away; is raised again; and goes when it is no longer wanted", async () => {
    await rule("create");
    expect(await fence("create")).toEqual([]);
    await onHost("sh", "-c", "nft delete table bridge holdfast_fence_lab_host_crunchy");
    expect(await runner.reaches(network.hosts.crunchy, 22)).toBe(false);
    expect(await crosses(runner)).toBe(false);
    // Nobody else's tap is touched.
    expect(await crosses(other)).toBe(true);
    expect(await fence("look")).toEqual(["the egress fence is not in force"]);
    // What a run leaves that was cut off between loading and writing down what it loaded.
    await onHost("sh", "-c", ": > /run/holdfast/egress-fence/lab.host.crunchy.listing");
    expect(await fence("look")).toEqual(["the egress fence is not in force"]);
    await load();
    expect(await runner.reaches(network.hosts.crunchy, 22)).toBe(false);
    expect(await crosses(runner)).toBe(true);
    expect(await fence("look")).toEqual([]);
    // A VM that stays without a fence, by its stack's configuration, is open beside one that is fenced.
    await fence("delete");
    expect(await crosses(runner)).toBe(true);
    expect(await operate("holdfast:host:EgressFence", "create", fenceOfAnother())).toEqual([]);
    expect(await crosses(runner)).toBe(true);
    await operate("holdfast:host:EgressFence", "delete", fenceOfAnother());
    await runner.run("ip", ["link", "delete", "eth0"]);
    runner = await plugRunner();
    expect(await fence("create")).toEqual([]);
    await runner.run("ip", ["link", "delete", "eth0"]);
    await fence("delete");
    await rule("delete");
    const left = "nft list tables; ls -R /etc/systemd/system /etc/holdfast /etc/libvirt/hooks /usr/local/lib";
    expect((await onHost("sh", "-c", left)).stdout).not.toMatch(/holdfast|bridge-forward/);
    runner = await plugRunner();
  });

  /** Another stack's fence on the same host, of a VM that is not there. */
  function fenceOfAnother() {
    const forgeUrl = workspace.site.forge.url;
    const policy = planEgress({ forgeUrl, dns: [], allow: [], siteNetworks: [], publicAddresses: [] });
    const nic = { mac: "52:54:00:00:00:77", tap: tapName("lab.another", "vm"), address: "198.51.100.77" };
    return { host, owner: "lab.another", policy, ...nic };
  }

  it("leaves no open window: a tap of ours that comes up before its rules is closed", async () => {
    await rule("create");
    expect(await fence("create")).toEqual([]);
    await onHost("systemctl", "stop", "holdfast-egress-fence.timer");
    await onHost("nft", "delete", "table", "bridge", "holdfast_fence_lab_host_crunchy");
    runner = await plugRunner();
    await runner.run("ip", ["link", "set", "eth0", "address", "52:54:00:00:00:99"]);
    expect(await runner.reaches(network.hosts.crunchy, 22)).toBe(false);
    expect(await pings(runner, "198.51.100.32")).toBe(false);
    await runner.run("ip", ["link", "set", "eth0", "address", mac]);
    expect(await crosses(runner)).toBe(false);
    await load();
    // What it asked for in vain is remembered for a while.
    const wait = { what: "the forge, through the fence", boundMs: 20_000, everyMs: 500, lookAt: "nft list ruleset" };
    await until(wait, () => crosses(runner));
  });

  it("keeps a session that lasts longer than its time-out, through reloads and with br_netfilter on", async () => {
    await rule("create");
    expect(await fence("create")).toEqual([]);
    const rules = "/etc/holdfast/egress-fence.d/lab.host.crunchy/rules.nft";
    await onHost("sed", "-i", "s/timeout 432000s/timeout 2s/; s/timeout 120s/timeout 1s/", rules);
    await load();
    expect((await onHost("cat", "/proc/sys/net/bridge/bridge-nf-call-iptables")).stdout.trim()).toBe("1");
    const echo = runner.run("timeout", ["30", "busybox", "nc", "-l", "-p", "2222", "-e", "/bin/cat"], { check: false });
    const session = `
      for try in 1 2 3 4 5 6 7 8 9 10; do exec 3<>/dev/tcp/198.51.100.31/2222 && break; read -t 0.3 <> <(:); done 2>/dev/null
      for line in 1 2 3 4 5 6 7 8; do
        echo "line $line" >&3; read -r -t 5 answer <&3 || { echo "no answer to $line"; exit 1; }
        echo "$answer"; read -t 0.7 <> <(:)
      done`;
    const talk = workspace.site.workstation.run("bash", ["-c", session], { check: false, timeoutMs: 60_000 });
    for (let reload = 0; reload < 4; reload += 1) {
      await load();
      // A session that nobody opened from outside gets no answer meanwhile.
      expect(await runner.reaches(network.workstation, 22)).toBe(false);
    }
    expect((await talk).stdout.trim().split("\n")).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((line) => `line ${line}`));
    await echo;
  });

  const ask =
    "udhcpc -i eth0 -n -q -t 5 -T 1 -s /bin/true -f 2>&1 | sed -n 's/.*lease of \\([0-9.]*\\) obtained.*/\\1/p'";

  it("binds a VM with DHCP to the address that the answer named", async () => {
    await rule("create");
    expect(await fence("create", [], byDhcp())).toEqual([]);
    // Before any answer it may be anyone but a machine that the site knows.
    const claim = async (address: string) => {
      await runner.run("ip", ["addr", "replace", `${address}/24`, "dev", "eth0"]);
      await runner.run("busybox", ["arping", "-U", "-c", "1", "-w", "1", "-I", "eth0", "-s", address, address], {
        check: false,
      });
      const seen = (await other.run("ip", ["neigh", "show", address, "dev", "eth0"])).stdout.includes(mac);
      await runner.run("ip", ["addr", "del", `${address}/24`, "dev", "eth0"]);
      return seen;
    };
    for (const address of [network.gateway, network.forge, network.hosts.crunchy, "198.51.100.77"])
      await other.run("ip", [
        "neigh",
        "replace",
        address,
        "lladdr",
        "02:00:00:00:00:01",
        "dev",
        "eth0",
        "nud",
        "stale",
      ]);
    for (const address of [network.gateway, network.forge, network.hosts.crunchy])
      expect(await claim(address), address).toBe(false);
    expect(await claim("198.51.100.77")).toBe(true);
    // The address that the server gave, and no other, from then on.
    const lease = (await runner.run("busybox", ["sh", "-c", `busybox ${ask}`])).stdout.trim();
    expect(lease).toMatch(/^198\.51\.100\.1\d\d$/);
    const listed = await onHost("nft", "list", "set", "bridge", "holdfast_fence_lab_host_crunchy", "leases");
    const bits = lease.split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
    expect(listed.stdout).toContain(`0x${bits.join("")} `);
    expect(await crosses(runner)).toBe(false);
    await runner.run("ip", ["addr", "flush", "dev", "eth0"]);
    await runner.run("ip", ["addr", "add", `${lease}/24`, "dev", "eth0"]);
    await runner.run("ip", ["route", "replace", "default", "via", network.gateway]);
    await load();
    expect(await crosses(runner)).toBe(true);
    await other.run("ip", [
      "neigh",
      "replace",
      "198.51.100.77",
      "lladdr",
      "02:00:00:00:00:01",
      "dev",
      "eth0",
      "nud",
      "stale",
    ]);
    expect(await claim("198.51.100.77")).toBe(false);
    await other.run("ip", ["neigh", "flush", "dev", "eth0"]);
    runner = await plugRunner();
  });

  it("goes on with the fence of a stack of release 0.1 beside ours, whose VM has a tap of libvirt's naming", async () => {
    await rule("create");
    const directory = "/etc/holdfast/egress-fence.d/lab.old";
    const settings = "table bridge holdfast_fence_lab_old\ntap fe:54:00:00:00:32\nallow 198.51.100.3 tcp 3000\n";
    const put = (path: string, text: string) =>
      workspace.site.hosts.crunchy.exec("sh", ["-c", `mkdir -p $(dirname ${path}); cat >${path}`], { input: text });
    await put(`${directory}/settings`, settings);
    await put(`${directory}/rules.nft`, rulesOfRelease01);
    // Ours was made by a later one that did not name its taps either: its state is taken as it is.
    expect(await fence("create", [], {})).toEqual([]);
    expect(await fence("look", [], {})).toEqual([]);
    await load();
    for (const machine of [runner, other]) {
      expect(await crosses(machine)).toBe(true);
      expect(await machine.reaches(network.hosts.crunchy, 22)).toBe(false);
    }
    await fence("delete", [], {});
    expect(await other.reaches(network.hosts.crunchy, 22)).toBe(false);
    const script = "/usr/local/lib/holdfast/egress-fence";
    await onHost("sh", "-c", `${script} unload lab.old; nft list tables`);
    expect(await other.reaches(network.hosts.crunchy, 22)).toBe(true);
  });

  /** Domains without a disk, which need no guest: what matters is when libvirt calls whom. */
  const domain = (name: string, nic: string, target = "") => `<domain type='qemu'><name>${name}</name>
    <description>Made by holdfast for ${owner}</description><memory unit='MiB'>64</memory><os><type>hvm</type></os>
    <devices><interface type='bridge'><mac address='${nic}'/><source bridge='br0'/>${target}</interface></devices>
    </domain>`;
  const virsh = (...args: string[]) => onHost("virsh", "-q", "-c", "qemu:///system", ...args);

  it("is loaded by libvirt's hook when its domain starts, and keeps nobody else's from starting", async () => {
    await runner.run("ip", ["link", "delete", "eth0"]);
    const crunchy = workspace.site.hosts.crunchy;
    // An operator's own hooks go on being called.
    const hook = '#!/bin/sh\necho "$1 $2" >>/run/operator-hook\n';
    const paths = "mkdir -p /etc/libvirt/hooks/qemu.d; tee /etc/libvirt/hooks/qemu >/etc/libvirt/hooks/qemu.d/operator";
    await crunchy.exec("sh", ["-c", `${paths}; chmod +x /etc/libvirt/hooks/qemu /etc/libvirt/hooks/qemu.d/operator`], {
      input: hook,
    });
    expect(await fence("create")).toEqual([]);
    await onHost("sh", "-c", "systemctl stop holdfast-egress-fence.timer; nft delete table bridge holdfast_taps");
    await onHost("nft", "delete", "table", "bridge", "holdfast_fence_lab_host_crunchy");
    const define = async (xml: string) =>
      expect((await onHostWith(xml, "cat >/run/domain.xml; virsh define /run/domain.xml")).exitCode).toBe(0);
    await define(domain("theirs", "52:54:00:00:00:55"));
    await define(domain("ours", mac, `<target dev='${tap}'/>`));
    expect((await virsh("start", "--paused", "theirs")).exitCode).toBe(0);
    expect(await fence("look")).toContain("the egress fence is not in force");
    expect((await virsh("start", "--paused", "ours")).exitCode).toBe(0);
    expect(await fence("look")).toEqual(["holdfast-egress-fence.timer does not run"]);
    expect((await onHost("ls", "/sys/class/net")).stdout).toContain(tap);
    expect((await onHost("cat", "/run/operator-hook")).stdout.match(/theirs start\n/g)).toHaveLength(2);
    const rules = (await onHost("nft", "list", "ruleset")).stdout;
    expect(rules).not.toMatch(/vnet\d/);
    expect(
      (await onHost("grep", "-c", "vnet", "/run/holdfast/egress-fence/lab.host.crunchy.listing")).stdout.trim(),
    ).toBe("0");
    await onHost("sh", "-c", "virsh destroy ours; virsh undefine ours; virsh destroy theirs; virsh undefine theirs");
  });

  it("names the next tap of a running VM of release 0.1, and touches neither the VM nor its tap", async () => {
    await onHostWith(
      domain("ours", mac),
      "cat >/run/domain.xml; virsh define /run/domain.xml && virsh start --paused ours",
    );
    const running = async () => (await virsh("domiflist", "ours")).stdout + (await virsh("domid", "ours")).stdout;
    const before = await running();
    expect(before).toMatch(/vnet\d/);
    expect(await fence("create")).toEqual([]);
    expect(await running()).toBe(before);
    const current = /vnet\d+/.exec(before)?.[0];
    expect((await onHost("nft", "list", "ruleset")).stdout).toContain(`"${current}"`);
    await virsh("destroy", "ours");
    await virsh("start", "--paused", "ours");
    expect(await running()).toContain(tap);
    await onHost("sh", "-c", "virsh destroy ours; virsh undefine ours");
    runner = await plugRunner();
  });

  const onHostWith = (input: string, command: string) =>
    workspace.site.hosts.crunchy.exec("sh", ["-c", command], { input, check: false });
});

/** The rules of a fence as release 0.1 wrote them, with its marks. */
const rulesOfRelease01 = `table bridge holdfast_fence_lab_old {
  set closed {
    type ipv4_addr
    flags interval
    auto-merge
    elements = { @own@, 0.0.0.0/8, 10.0.0.0/8, 224.0.0.0/3 }
  }
  chain fence {
    ether type arp accept
    ether type != ip counter drop
    tcp flags & (syn | ack) != syn accept
    jump allowed
    ip daddr @closed counter drop
  }
  set taps {
    type ifname
    elements = { @taps@ }
  }
  chain from_vm {
    type filter hook prerouting priority -300; policy accept;
    iifname @taps jump fence
    ether saddr 52:54:00:00:00:32 jump fence
  }
}
`;
