/**
 * What root on a fenced VM may send to get round the fence, and what it is meant to send. Pure.
 */
import { macOf, network } from "../../../lab/layout.ts";
import { arp, broadcast, dhcp, ether, icmp, ipv4, ipv6, tcp, udp } from "./frame.ts";

/** Machines of the site; each of them watches its own wire. */
export const places = ["gateway", "forge", "hypervisor", "workstation", "neighbour"] as const;
export type Place = (typeof places)[number];

/** A machine's card and address. */
export interface Machine {
  mac: string;
  ip: string;
}

/** The machines, but for the VM itself. The neighbour is another VM on the same bridge. */
export const machines: Record<Place, Machine> = {
  gateway: { mac: macOf("lan"), ip: network.gateway },
  forge: { mac: macOf("forge"), ip: network.forge },
  hypervisor: { mac: macOf("crunchy"), ip: network.hosts.crunchy },
  workstation: { mac: macOf("ws"), ip: network.workstation },
  neighbour: { mac: "52:54:00:00:00:32", ip: "198.51.100.32" },
};

/** An address by which the internet sees the site; its router has it. */
export const publicAddress = "203.0.113.7";

/** Something that the VM sends. */
export interface Shot {
  name: string;
  /** Who would see it. */
  at: Place;
  frames: (vm: Machine, marker: string) => string[];
  /** It passes the VM off as a machine that only an answer of DHCP tells apart from it: one that the site does not know. */
  unknown?: boolean;
}

const { gateway, forge, hypervisor, workstation, neighbour } = machines;
const nobody = { mac: "00:00:00:00:00:00", ip: "0.0.0.0" };
const data = (marker: string) => Buffer.from(marker);

/** A frame of IPv4 from the VM's card. */
function ip(
  to: Machine,
  protocol: number,
  payload: (marker: string) => Buffer,
  as: { mac?: string; ip?: string } = {},
) {
  return (vm: Machine, marker: string) => [
    ether(to.mac, as.mac ?? vm.mac, 0x0800, ipv4(as.ip ?? vm.ip, to.ip, protocol, payload(marker))),
  ];
}

const segment = (from: number, to: number, flags: string) => (marker: string) => tcp(from, to, flags, data(marker));
const datagram = (from: number, to: number) => (marker: string) => udp(from, to, data(marker));
const message = (type: number, code: number) => (marker: string) => icmp(type, code, data(marker));

/** An answer of ARP nobody asked for: `whose` address is at the VM's card. */
function poison(whose: Machine, victim: Machine) {
  return (vm: Machine, marker: string) => [
    ether(victim.mac, vm.mac, 0x0806, arp(2, { mac: vm.mac, ip: whose.ip }, victim, marker)),
  ];
}

/** Neighbour discovery and its kin: ICMPv6 of this type to all nodes. */
function discovery(type: number) {
  return (vm: Machine, marker: string) => [
    ether(
      "33:33:00:00:00:01",
      vm.mac,
      0x86dd,
      ipv6("fe80::31", "ff02::1", 58, Buffer.concat([Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]), data(marker)])),
    ),
  ];
}

/** A message of DHCP to a server, or as one. */
function lease(from: Machine, to: Machine, ports: [number, number], message: (vm: Machine, marker: string) => Buffer) {
  return (vm: Machine, marker: string) => [
    ether(to.mac, vm.mac, 0x0800, ipv4(from.ip || vm.ip, to.ip, 17, udp(...ports, message(vm, marker)))),
  ];
}

const self = { mac: "", ip: "" };
const everyone = { mac: broadcast, ip: "255.255.255.255" };
const other = (type: number) => (vm: Machine, marker: string) => [ether(broadcast, vm.mac, type, data(marker))];

/** Each is to be dropped. */
export const attacks: readonly Shot[] = [
  {
    name: "ARP: the gateway is told to be at the VM, to a neighbour",
    at: "neighbour",
    frames: poison(gateway, neighbour),
  },
  { name: "ARP: the forge is at the VM, to the gateway", at: "gateway", frames: poison(forge, gateway) },
  { name: "ARP: the hypervisor is at the VM, to the forge", at: "forge", frames: poison(hypervisor, forge) },
  { name: "ARP: the gateway is at the VM, to the hypervisor", at: "hypervisor", frames: poison(gateway, hypervisor) },
  {
    name: "ARP: a neighbour is at the VM (proxy ARP), to the gateway",
    at: "gateway",
    unknown: true,
    frames: poison(neighbour, gateway),
  },
  {
    name: "gratuitous ARP of the gateway, to all",
    at: "workstation",
    frames: (vm, marker) => [
      ether(broadcast, vm.mac, 0x0806, arp(1, { mac: vm.mac, ip: gateway.ip }, { ...nobody, ip: gateway.ip }, marker)),
    ],
  },
  {
    name: "ARP probe that claims the gateway's address",
    at: "gateway",
    frames: (vm, marker) => [
      ether(broadcast, vm.mac, 0x0806, arp(1, { mac: vm.mac, ip: nobody.ip }, { ...nobody, ip: gateway.ip }, marker)),
    ],
  },
  {
    name: "ARP whose inner sender is another card than its frame's",
    at: "gateway",
    frames: (vm, marker) => [
      ether(gateway.mac, vm.mac, 0x0806, arp(2, { mac: neighbour.mac, ip: vm.ip }, gateway, marker)),
    ],
  },
  {
    name: "ARP from a neighbour's card",
    at: "gateway",
    frames: (vm, marker) => [
      ether(gateway.mac, neighbour.mac, 0x0806, arp(2, { ...neighbour, ip: vm.ip }, gateway, marker)),
    ],
  },
  {
    name: "reverse ARP",
    at: "workstation",
    frames: (vm, marker) => [ether(broadcast, vm.mac, 0x8035, arp(3, { mac: vm.mac, ip: vm.ip }, nobody, marker))],
  },
  {
    name: "man in the middle: a segment passed on in the workstation's name",
    at: "forge",
    unknown: true,
    frames: ip(forge, 6, segment(40_000, 3000, "PA"), { ip: workstation.ip }),
  },
  {
    name: "a neighbour's address, to a port that is open",
    at: "forge",
    unknown: true,
    frames: ip(forge, 6, segment(40_001, 3000, "S"), { ip: neighbour.ip }),
  },
  {
    name: "the gateway's address, to the hypervisor",
    at: "hypervisor",
    frames: ip(hypervisor, 17, datagram(53, 4000), { ip: gateway.ip }),
  },
  {
    name: "a new MAC address",
    at: "hypervisor",
    frames: ip(hypervisor, 6, segment(40_002, 22, "S"), { mac: "52:54:00:00:00:99" }),
  },
  {
    name: "a new MAC address, to a port that is open",
    at: "forge",
    frames: ip(forge, 6, segment(40_003, 3000, "S"), { mac: "52:54:00:00:00:99" }),
  },
  {
    name: "a neighbour's MAC address and address",
    at: "gateway",
    frames: ip(gateway, 17, datagram(4000, 53), neighbour),
  },
  { name: "SYN to the hypervisor's SSH", at: "hypervisor", frames: ip(hypervisor, 6, segment(40_004, 22, "S")) },
  { name: "SYN to another port of the forge", at: "forge", frames: ip(forge, 6, segment(40_005, 22, "S")) },
  { name: "SYN to a neighbour", at: "neighbour", frames: ip(neighbour, 6, segment(40_006, 22, "S")) },
  { name: "ACK scan of the hypervisor", at: "hypervisor", frames: ip(hypervisor, 6, segment(40_007, 22, "A")) },
  { name: "SYN+ACK that answers nothing, to the forge", at: "forge", frames: ip(forge, 6, segment(22, 40_008, "SA")) },
  { name: "FIN scan of the forge", at: "forge", frames: ip(forge, 6, segment(40_009, 22, "F")) },
  {
    name: "segment without flags, to the workstation",
    at: "workstation",
    frames: ip(workstation, 6, segment(40_010, 22, "")),
  },
  { name: "Xmas scan of the workstation", at: "workstation", frames: ip(workstation, 6, segment(40_011, 22, "FPU")) },
  { name: "RST into somebody's session", at: "workstation", frames: ip(workstation, 6, segment(22, 40_012, "R")) },
  { name: "UDP to the LAN from source port 53", at: "workstation", frames: ip(workstation, 17, datagram(53, 4000)) },
  { name: "UDP 68 to 67 of the hypervisor", at: "hypervisor", frames: ip(hypervisor, 17, datagram(68, 67)) },
  { name: "DNS to a server that is not the VM's", at: "hypervisor", frames: ip(hypervisor, 17, datagram(40_013, 53)) },
  {
    name: "multicast DNS",
    at: "workstation",
    frames: ip({ mac: "01:00:5e:00:00:fb", ip: "224.0.0.251" }, 17, datagram(5353, 5353)),
  },
  { name: "UDP to all (255.255.255.255)", at: "workstation", frames: ip(everyone, 17, datagram(40_014, 9)) },
  {
    name: "UDP to all of the LAN",
    at: "workstation",
    frames: ip({ mac: broadcast, ip: "198.51.100.255" }, 17, datagram(40_015, 9)),
  },
  {
    name: "cloud metadata",
    at: "gateway",
    frames: ip({ ...gateway, ip: network.metadata }, 6, segment(40_016, 80, "S")),
  },
  {
    name: "the site's public address",
    at: "gateway",
    frames: ip({ ...gateway, ip: publicAddress }, 6, segment(40_017, 443, "S")),
  },
  {
    name: "rogue DHCP: an offer to all",
    at: "workstation",
    frames: lease(self, everyone, [67, 68], (_, marker) =>
      dhcp(2, 2, { chaddr: workstation.mac, yiaddr: "198.51.100.66" }, marker),
    ),
  },
  {
    name: "rogue DHCP: an answer to a neighbour",
    at: "neighbour",
    frames: lease(self, neighbour, [67, 68], (_, marker) =>
      dhcp(2, 5, { chaddr: neighbour.mac, yiaddr: neighbour.ip }, marker),
    ),
  },
  {
    name: "DHCP for another card",
    at: "gateway",
    frames: lease(nobody, everyone, [68, 67], (_, marker) => dhcp(1, 1, { chaddr: neighbour.mac }, marker)),
  },
  {
    name: "DHCP: a neighbour's lease given back",
    at: "gateway",
    frames: lease(self, gateway, [68, 67], (vm, marker) =>
      dhcp(1, 7, { chaddr: vm.mac, ciaddr: neighbour.ip }, marker),
    ),
  },
  {
    name: "DHCP: the answer sent to another machine as relay",
    at: "gateway",
    frames: lease(nobody, everyone, [68, 67], (vm, marker) =>
      dhcp(1, 1, { chaddr: vm.mac, giaddr: workstation.ip }, marker),
    ),
  },
  { name: "ping of the hypervisor", at: "hypervisor", frames: ip(hypervisor, 1, message(8, 0)) },
  { name: "echo reply that nobody asked for", at: "workstation", frames: ip(workstation, 1, message(0, 0)) },
  { name: "ICMP redirect", at: "workstation", frames: ip(workstation, 1, message(5, 1)) },
  { name: "ICMP unreachable", at: "workstation", frames: ip(workstation, 1, message(3, 3)) },
  { name: "ICMP time exceeded", at: "workstation", frames: ip(workstation, 1, message(11, 0)) },
  {
    name: "first fragment to the hypervisor",
    at: "hypervisor",
    frames: (vm, marker) => [
      ether(
        hypervisor.mac,
        vm.mac,
        0x0800,
        ipv4(vm.ip, hypervisor.ip, 17, datagram(40_018, 53)(marker), { fragment: 0x2000 }),
      ),
    ],
  },
  {
    name: "later fragment to the forge, over the head of an open segment",
    at: "forge",
    frames: (vm, marker) => [ether(forge.mac, vm.mac, 0x0800, ipv4(vm.ip, forge.ip, 6, data(marker), { fragment: 1 }))],
  },
  {
    name: "a source route through the gateway, to a port that is open",
    at: "forge",
    frames: (vm, marker) => [
      ether(
        forge.mac,
        vm.mac,
        0x0800,
        ipv4(vm.ip, forge.ip, 6, segment(40_019, 3000, "S")(marker), { options: [131, 7, 4, 198, 51, 100, 254, 0] }),
      ),
    ],
  },
  {
    name: "GRE",
    at: "forge",
    frames: ip(forge, 47, (marker) => Buffer.concat([Buffer.from([0, 0, 8, 0]), data(marker)])),
  },
  {
    name: "GRE to the internet",
    at: "gateway",
    frames: ip({ ...gateway, ip: network.internet }, 47, (marker) =>
      Buffer.concat([Buffer.from([0, 0, 8, 0]), data(marker)]),
    ),
  },
  {
    name: "IP in IP",
    at: "gateway",
    frames: ip(gateway, 4, (marker) => ipv4("198.51.100.31", forge.ip, 17, udp(1, 22, data(marker)))),
  },
  { name: "SCTP", at: "hypervisor", frames: ip(hypervisor, 132, datagram(40_020, 22)) },
  { name: "OSPF, as a router", at: "gateway", frames: ip({ mac: "01:00:5e:00:00:05", ip: "224.0.0.5" }, 89, data) },
  {
    name: "VRRP, as the gateway's stand-in",
    at: "gateway",
    frames: ip({ mac: "01:00:5e:00:00:12", ip: "224.0.0.18" }, 112, data),
  },
  { name: "IPv6 router advertisement", at: "workstation", frames: discovery(134) },
  { name: "IPv6 router solicitation", at: "workstation", frames: discovery(133) },
  { name: "IPv6 neighbour advertisement", at: "workstation", frames: discovery(136) },
  { name: "IPv6 neighbour solicitation", at: "hypervisor", frames: discovery(135) },
  {
    name: "IPv6 to the hypervisor",
    at: "hypervisor",
    frames: (vm, marker) => [
      ether(hypervisor.mac, vm.mac, 0x86dd, ipv6("fe80::31", "fe80::10", 17, datagram(40_021, 22)(marker))),
    ],
  },
  {
    name: "DHCPv6, as a server",
    at: "workstation",
    frames: (vm, marker) => [
      ether(workstation.mac, vm.mac, 0x86dd, ipv6("fe80::31", "fe80::2", 17, datagram(547, 546)(marker))),
    ],
  },
  {
    name: "a VLAN tag",
    at: "hypervisor",
    frames: (vm, marker) => [
      ether(
        hypervisor.mac,
        vm.mac,
        0x8100,
        Buffer.concat([Buffer.from([0, 7, 8, 0]), ipv4(vm.ip, hypervisor.ip, 17, datagram(1, 22)(marker))]),
      ),
    ],
  },
  {
    name: "two VLAN tags",
    at: "forge",
    frames: (vm, marker) => [
      ether(
        forge.mac,
        vm.mac,
        0x88a8,
        Buffer.concat([
          Buffer.from([0, 7, 0x81, 0, 0, 8, 8, 0]),
          ipv4(vm.ip, forge.ip, 6, segment(1, 3000, "S")(marker)),
        ]),
      ),
    ],
  },
  {
    name: "spanning tree (BPDU), as the root of all bridges",
    at: "workstation",
    frames: (vm, marker) => [
      ether(
        "01:80:c2:00:00:00",
        vm.mac,
        46,
        Buffer.concat([Buffer.from([0x42, 0x42, 3, 0, 0, 0, 0, 0]), data(marker)]),
      ),
    ],
  },
  { name: "PPPoE discovery", at: "workstation", frames: other(0x8863) },
  { name: "MPLS", at: "workstation", frames: other(0x8847) },
  { name: "an Ethernet type of no protocol", at: "workstation", frames: other(0x88b5) },
];

/** What passes: the forge's port, the name server, the internet, and the VM's own ARP. */
export const meant: readonly Shot[] = [
  { name: "SYN to the forge's port", at: "forge", frames: ip(forge, 6, segment(40_100, 3000, "S")) },
  { name: "DNS to the VM's own server", at: "gateway", frames: ip(gateway, 17, datagram(40_101, 53)) },
  {
    name: "SYN to the internet",
    at: "gateway",
    frames: ip({ ...gateway, ip: network.internet }, 6, segment(40_102, 443, "S")),
  },
  {
    name: "ARP: who has the gateway's address",
    at: "gateway",
    frames: (vm, marker) => [ether(broadcast, vm.mac, 0x0806, arp(1, vm, { ...nobody, ip: gateway.ip }, marker))],
  },
  {
    name: "ARP: the VM is at the VM",
    at: "neighbour",
    frames: (vm, marker) => [ether(neighbour.mac, vm.mac, 0x0806, arp(2, vm, neighbour, marker))],
  },
];
