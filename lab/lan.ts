/**
 * The site's network: a switch with DHCP and DNS in a namespace of its own, and the cable from a part to it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { execa } from "execa";
import { cgroupPath, makeCgroup, removeCgroup } from "./cgroups.ts";
import { type Layout, macOf, network, type Part } from "./layout.ts";
import { hasInterface, ip, makeNamespace, namespaceExists, netnsExec, setResolver } from "./namespaces.ts";
import { isAlive, recordedProcess, startDaemon } from "./processes.ts";
import type { RootSystem } from "./root-system.ts";

/** Whether switch, DHCP and DNS are there. */
export function lanStands(layout: Layout): boolean {
  return namespaceExists(layout.netns("lan")) && isAlive(recordedProcess(layout.path("lan", "process.json")));
}

/** Makes the switch anew. Every cable that was plugged into an old one is gone afterwards. */
export async function makeLan(layout: Layout): Promise<void> {
  const lan = layout.netns("lan");
  await removeCgroup(cgroupPath(layout.name, "lan"));
  await makeNamespace(lan);
  await ip(
    [
      // With an address of its own: a bridge without one takes another with every cable that comes or goes, and the site
      // would not find its name server until the old one has expired.
      `link add sw address ${macOf("lan")} type bridge stp_state 0 forward_delay 0`,
      `addr add ${network.gateway}/24 dev sw`,
      "link set sw up",
      `addr add ${network.internet}/32 dev lo`,
      `addr add ${network.metadata}/32 dev lo`,
    ],
    lan,
  );
  // Bridged frames pass the switch unseen by iptables; packets to anywhere else are refused at once, not dropped.
  const sysctl = ["-q", "-w", "net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0"];
  // Every one of them: the kernel would leave some unanswered when several come at once.
  const refusals = ["net.ipv4.ip_forward=1", "net.ipv4.icmp_ratelimit=0"];
  await execa("nsenter", [`--net=/run/netns/${lan}`, "sysctl", ...sysctl, ...refusals]);
  mkdirSync(layout.path("lan"), { recursive: true });
  const names = { "forge.lab": network.forge, "ws.lab": network.workstation, "netbox.lab": network.netbox };
  const hosts = Object.entries(names).map(([name, address]) => `${address} ${name}\n`);
  writeFileSync(layout.path("lan", "hosts"), hosts.join(""));
  writeFileSync(layout.path("lan", "dnsmasq.conf"), dnsmasqConfig(layout));
  await startDaemon({
    command: "ip",
    args: netnsExec(lan, "dnsmasq", ["--keep-in-foreground", `--conf-file=${layout.path("lan", "dnsmasq.conf")}`]),
    logFile: layout.path("lan", "dnsmasq.out.log"),
    recordFile: layout.path("lan", "process.json"),
    cgroup: makeCgroup(layout.name, "lan"),
  });
  await startWebServer(layout);
}

/** Answers on port 80 of the gateway, the internet and the metadata service alike. */
async function startWebServer(layout: Layout): Promise<void> {
  const directory = layout.path("lan", "www");
  mkdirSync(directory, { recursive: true });
  writeFileSync(layout.path("lan", "www", "index.html"), "holdfast lab\n");
  await startDaemon({
    command: "ip",
    args: netnsExec(layout.netns("lan"), "busybox", ["httpd", "-f", "-p", "80", "-h", directory]),
    logFile: layout.path("lan", "httpd.log"),
    recordFile: layout.path("lan", "httpd.json"),
    cgroup: makeCgroup(layout.name, "lan"),
  });
}

function dnsmasqConfig(layout: Layout): string {
  const options = [
    "interface=sw",
    "bind-interfaces",
    "except-interface=lo",
    "no-resolv",
    "no-hosts",
    `addn-hosts=${layout.path("lan", "hosts")}`,
    "domain=lab",
    "local=/lab/",
    "dhcp-authoritative",
    `dhcp-range=${network.dhcp.from},${network.dhcp.to},1h`,
    `dhcp-option=option:router,${network.gateway}`,
    `dhcp-option=option:dns-server,${network.gateway}`,
    `dhcp-leasefile=${layout.path("lan", "leases")}`,
    `log-facility=${layout.path("lan", "dnsmasq.log")}`,
    "pid-file=",
    "user=root",
  ];
  return `${options.join("\n")}\n`;
}

/** Whether a part's namespace exists and is plugged into the switch. */
export async function isPluggedIn(layout: Layout, part: RootSystem["part"]): Promise<boolean> {
  return namespaceExists(layout.namespaceOf(part)) && (await hasInterface(layout.namespaceOf(part), "eth0"));
}

/**
 * Makes a part's namespace anew, with `eth0` plugged into the switch and the site's resolver.
 * @param address its address; without one `eth0` is left bare, as on a host whose bridge owns the address.
 */
export async function plugIn(layout: Layout, part: Part, address?: string): Promise<void> {
  const [lan, own] = [layout.netns("lan"), layout.netns(part)];
  await pullOldCable(lan, `p-${part}`);
  await makeNamespace(own);
  // Made inside the namespaces, so that no interface ever appears in the machine's own network.
  await ip(
    [
      `link add p-${part} type veth peer name eth0 address ${macOf(part)} netns ${own}`,
      `link set p-${part} master sw`,
      `link set p-${part} up`,
    ],
    lan,
  );
  const route = `route add default via ${network.gateway}`;
  await ip(["link set eth0 up", ...(address ? [`addr add ${address}/24 dev eth0`, route] : [])], own);
  setResolver(own, network.gateway);
}

/** Pulls a part's cable out at the switch, or puts it back: whatever runs there goes on, and nobody reaches it meanwhile. */
export async function setCable(layout: Layout, part: Part, state: "up" | "down"): Promise<void> {
  await ip([`link set p-${part} ${state}`], layout.netns("lan"));
}

/** The kernel takes its time to clear a removed namespace: its cable is pulled here, or by the kernel a moment before. */
async function pullOldCable(lan: string, cable: string): Promise<void> {
  if (!(await hasInterface(lan, cable))) return;
  await ip([`link delete ${cable}`], lan).catch(async (error: Error) => {
    if (await hasInterface(lan, cable)) throw error;
  });
}
