/**
 * Everything that root on a fenced VM can send, as raw frames: each arrives without the fence and does not with it. Real
 * here: the fence as our plugin installs it over SSH, nftables, systemd, the bridge with `br_netfilter`, DHCP. The VM and its
 * neighbours are network namespaces; a sniffer on each victim's wire decides. A run rewrites the table in docs/security.md
 * when outcomes changed.
 *
 * Not proven: what a bridge never forwards (LLDP, 802.1X, pause frames), and cards with offloads of their own.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { knownMachines, planEgress } from "../../components/fence/policy.ts";
import { tapName } from "../../components/fence/tap.ts";
import { openSite } from "../../lab/demo.ts";
import { ensureHostImage } from "../../lab/images/images.ts";
import { layoutOf, network } from "../../lab/layout.ts";
import { type Neighbour, plugNeighbour } from "../../lab/neighbour.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { siteDown } from "../../lab/site.ts";
import type { Workspace } from "../../lab/workspace.ts";
import { tableOf } from "../../provider/fence/rules.ts";
import { attacks, type Machine, machines, meant, places, publicAddress, type Shot } from "./red-team/attacks.ts";
import { broadcast, ether } from "./red-team/frame.ts";
import { type Outcomes, recordAttacks } from "./red-team/table.ts";

const siteName = "t-red";
const missing = missingPrerequisites().filter((what) => !what.startsWith("package "));
const owner = "lab.host.crunchy";
const tap = tapName(owner, "runner");
const vm: Machine = { mac: "52:54:00:00:00:31", ip: "198.51.100.31" };
const wire = readFileSync(join(import.meta.dirname, "red-team/wire.py"), "utf8");

describe.skipIf(missing.length > 0)("root on a fenced VM", () => {
  let workspace: Workspace;
  let runner: Neighbour;
  let image: string;
  let program: string;
  const outcomes: Outcomes = {};

  beforeAll(async () => {
    await siteDown(siteName);
    workspace = await openSite(siteName);
    image = await ensureHostImage();
    program = join(workspace.directory, "kind.mjs");
    const entry = join(import.meta.dirname, "programs/kind.ts");
    await execa("node", ["--import", "tsx", join(workspace.directory, "provider/bundle.ts"), entry, program]);
    runner = await plugNeighbour(siteName, "crunchy", {
      name: "runner",
      bridge: "br0",
      address: vm.ip,
      mac: vm.mac,
      tap,
    });
    const { mac, ip } = machines.neighbour;
    await plugNeighbour(siteName, "crunchy", { name: "other", bridge: "br0", address: ip, mac });
    const host = { host: network.hosts.crunchy, port: 22, user: "root", stack: "host/crunchy" };
    await operate("holdfast:host:BridgeForward", "create", { host, bridge: "br0", owner });
  });

  let green = true;
  afterAll(async () => {
    await siteDown(siteName);
    if (green && Object.keys(outcomes).length === 5) recordAttacks([...attacks, ...meant], outcomes);
  });

  async function operate(type: string, verb: "create" | "delete", inputs: object): Promise<void> {
    await workspace.site.workstation.run("node", [program], {
      ...{ env: workspace.env, timeoutMs: 60_000, input: JSON.stringify({ type, verb, inputs }) },
    });
  }

  /** Raises the fence, for a VM with a static address or one with DHCP. */
  function fence(address?: string): Promise<void> {
    const forgeUrl = workspace.site.forge.url;
    const wish = { forgeUrl, dns: [network.gateway], allow: [], siteNetworks: [], publicAddresses: [publicAddress] };
    const policy = planEgress(wish);
    const host = { host: network.hosts.crunchy, port: 22, user: "root", stack: "host/crunchy" };
    const known = address ? [] : knownMachines(policy, [network.gateway, network.hosts.crunchy]);
    const inputs = { host, owner, mac: vm.mac, tap, policy, known, ...(address ? { address } : {}) };
    return operate("holdfast:host:EgressFence", "create", inputs);
  }

  /** Sends each shot and notes which of them were seen by the machine that they are for. */
  async function fire(way: string, as: Machine): Promise<ReadonlySet<Shot>> {
    const layout = layoutOf(siteName);
    const wires = {
      vm: [layout.namespaceOf("runner"), "eth0"],
      gateway: [layout.netns("lan"), "sw"],
      forge: [layout.netns("forge"), "eth0"],
      hypervisor: [layout.netns("crunchy"), "br0"],
      workstation: [layout.netns("ws"), "eth0"],
      neighbour: [layout.namespaceOf("other"), "eth0"],
    } as const;
    const marked = [...attacks, ...meant].map((shot, index) => ({ shot, marker: `hf-${way.length}${1000 + index}!` }));
    const input = JSON.stringify({
      places: Object.fromEntries(Object.entries(wires).map(([name, [, device]], at) => [name, { fd: at + 3, device }])),
      hellos: Object.fromEntries(
        places.map((name) => [name, ether(broadcast, machines[name].mac, 0x88b6, Buffer.alloc(2))]),
      ),
      shots: marked.map(({ shot, marker }) => ({ from: "vm", at: shot.at, frames: shot.frames(as, marker), marker })),
    });
    // Each namespace is a file that stands open, by number: the interpreter of the host's image finds none by its path.
    const open = Object.values(wires).map(([namespace], at) => `${at + 3}</run/netns/${namespace}`);
    const script = `exec chroot "$1" python3 -c "$2" ${open.join(" ")}`;
    const { stdout } = await execa("bash", ["-c", script, "bash", image, wire], { input, timeout: 60_000 });
    const seen = new Set(JSON.parse(stdout) as string[]);
    outcomes[way] = new Set(marked.filter(({ marker }) => seen.has(marker)).map(({ shot }) => shot));
    return outcomes[way];
  }

  const names = (shots: Iterable<Shot>) => [...shots].map(({ name }) => name);
  /** Compares by name, and remembers whether the table may be written. */
  function expectArrived(arrived: ReadonlySet<Shot>, expected: readonly Shot[]): void {
    green &&= arrived.size === expected.length;
    expect(names([...attacks, ...meant].filter((shot) => arrived.has(shot)))).toEqual(names(expected));
  }

  it("gets through with everything while there is no fence", async () => {
    expect(attacks.length).toBeGreaterThanOrEqual(30);
    expectArrived(await fire("no fence", vm), [...attacks, ...meant]);
  });

  it("gets through with nothing but what is meant, from a static address", async () => {
    await fence(vm.ip);
    expectArrived(await fire("static address", vm), meant);
  });

  it("gets through with nothing at all while the rules are not loaded", async () => {
    await workspace.site.hosts.crunchy.exec("systemctl", ["stop", "holdfast-egress-fence.timer"]);
    const [family = "", table = ""] = tableOf(owner, { layer: "bridge", mac: vm.mac }).split(" ");
    await workspace.site.hosts.crunchy.exec("nft", ["delete", "table", family, table]);
    expectArrived(await fire("rules not loaded", vm), []);
  });

  it("passes itself off as no machine that the site knows before DHCP gave it an address", async () => {
    await fence();
    expectArrived(await fire("DHCP, no answer seen", vm), [...attacks.filter(({ unknown }) => unknown), ...meant]);
  });

  it("gets through with nothing but what is meant, from the address that DHCP gave it", async () => {
    const ask = ["-i", "eth0", "-f", "-n", "-q", "-t", "8", "-T", "1", "-s", "/bin/true"];
    const { stdout, stderr } = await runner.run("busybox", ["udhcpc", ...ask]);
    const ip = /lease of (\S+) obtained/.exec(stdout + stderr)?.[1] ?? "";
    expect(ip).toMatch(/^198\.51\.100\.1\d\d$/);
    expectArrived(await fire("DHCP, answer seen", { ...vm, ip }), meant);
  });
});
