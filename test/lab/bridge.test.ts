/**
 * What crosses the bridge of a real host: the rule that opens it where kube-router closes it, in every back end that may
 * drop, and the fence that keeps a runner's VM off the LAN. Real here: our plugin's code over SSH, systemd, iptables (nft and
 * legacy) and nftables on the host. The machines on the bridges are network namespaces, since no guest needs to
 * boot for this; the fence around a real VM's jobs is proven in fleet.test.ts.
 */
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { planEgress } from "../../components/fence/policy.ts";
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
    const plug = (name: string, bridge: string, last: number, card = `52:54:00:00:00:${last}`) =>
      plugNeighbour(siteName, "crunchy", { name, bridge, address: `198.51.100.${last}`, mac: card });
    runner = await plug("runner", "br0", 31, mac);
    other = await plug("other", "br0", 32);
    stranger = await plug("stranger", "br1", 33);
    await plug("strange2", "br1", 34);
  });

  afterAll(() => siteDown(siteName));

  beforeEach(async () => {
    await rule("delete");
    await fence("delete");
    await onHost("sh", "-c", "iptables-legacy -P FORWARD ACCEPT; nft delete table inet site 2>/dev/null");
    await kubeRouter(workspace.site.hosts.crunchy);
  });

  const onHost = (command: string, ...args: string[]) =>
    workspace.site.hosts.crunchy.exec(command, args, { check: false });
  const owner = "lab.host.crunchy";
  const host = { host: network.hosts.crunchy, port: 22, user: "root", stack: "host/crunchy" };

  /** Does this with a resource kind on the workstation, and gives what a look afterwards finds wrong. */
  async function operate(type: string, verb: Verb, inputs: object): Promise<string[]> {
    const { stdout } = await workspace.site.workstation.run("node", [program], {
      ...{ env: workspace.env, timeoutMs: 60_000 },
      input: JSON.stringify({ type, verb, inputs }),
    });
    return JSON.parse(stdout) as string[];
  }

  const rule = (verb: Verb) => operate("holdfast:host:BridgeForward", verb, { host, bridge: "br0", owner });
  const fence = (verb: Verb, allow: string[] = []) => {
    const forgeUrl = workspace.site.forge.url;
    const policy = planEgress({ forgeUrl, dns: [network.gateway], allow, siteNetworks: [] });
    return operate("holdfast:host:EgressFence", verb, { host, owner, mac, policy });
  };

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
    runner = await plugNeighbour(siteName, "crunchy", { name: "runner", bridge: "br0", address: "198.51.100.31", mac });
    other = await plugNeighbour(siteName, "crunchy", {
      ...{ name: "other", bridge: "br0", address: "198.51.100.32", mac: "52:54:00:00:00:32" },
    });
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
    const tagged = (card: string, last: number) =>
      `ip link add link ${card} name ${card}.7 type vlan id 7; ip addr add 198.18.7.${last}/24 dev ${card}.7; ip link set ${card}.7 up`;
    await onHost("sh", "-c", tagged("br0", 10));
    await runner.run("sh", ["-c", tagged("eth0", 31)]);
    await other.run("sh", ["-c", tagged("eth0", 32)]);
    expect(await other.reaches("198.18.7.10", 22)).toBe(true);
    expect(await runner.reaches("198.18.7.10", 22)).toBe(false);
  });

  it("has exceptions, by address and by name", async () => {
    await rule("create");
    expect(await fence("create", ["198.51.100.10:22", "forge.lab:22"])).toEqual([]);
    expect(await runner.reaches(network.hosts.crunchy, 22)).toBe(true);
    expect(await runner.reaches(network.forge, 22)).toBe(true);
    expect(await runner.reaches(network.gateway, 80)).toBe(false);
  });

  it("sees a fence that was taken away, raises it again, and takes it away when it is no longer wanted", async () => {
    await rule("create");
    expect(await fence("create")).toEqual([]);
    await onHost("sh", "-c", "nft delete table bridge holdfast_fence_lab_host_crunchy");
    expect(await runner.reaches(network.hosts.crunchy, 22)).toBe(true);
    expect(await fence("look")).toEqual(["the egress fence is not in force"]);
    // What a run leaves that was cut off between loading and writing down what it loaded.
    await onHost("sh", "-c", ": > /run/holdfast/egress-fence/lab.host.crunchy.listing");
    expect(await fence("look")).toEqual(["the egress fence is not in force"]);
    // What the timer does every minute.
    await onHost("systemctl", "start", "holdfast-egress-fence.service");
    expect(await runner.reaches(network.hosts.crunchy, 22)).toBe(false);
    expect(await fence("look")).toEqual([]);
    await fence("delete");
    await rule("delete");
    const left = "nft list tables; ls /etc/systemd/system /etc /usr/local/lib";
    expect((await onHost("sh", "-c", left)).stdout).not.toMatch(/holdfast|bridge-forward/);
  });
});
