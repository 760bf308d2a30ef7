/**
 * The fence's rules, as nftables reads them: pure text. It has two layers with one policy. The one on the hypervisor's bridge
 * is out of reach of whatever runs in the VM; the one on the VM refuses at once, where the bridge drops in silence.
 *
 * What only the machine itself knows are names in `@…@`, which the script (script.ts) fills in at every load:
 * `own` (networks and addresses of its cards), `addresses` (its own addresses), `forge`, `known` (machines of the site),
 * `taps` (the VM's interfaces), and the chain `allowed` with the exceptions.
 */
import type { EgressPolicy } from "../../resources/egress-policy.ts";

/** Which layer. */
export type FenceKind =
  | BridgeLayer
  | { /** On the VM: what containers send, and what any account but root sends. */ layer: "vm" };

/** On the hypervisor: frames that come from the VM's tap, and frames with its MAC address while no tap is known. */
export interface BridgeLayer {
  layer: "bridge";
  /** MAC address of the VM's card, lower case. */
  mac: string;
  /** Name of its tap. A VM of release 0.1 that still runs has one of libvirt's naming, which is found by its address. */
  tap?: string | undefined;
  /** The VM's static IPv4 address; undefined with DHCP. */
  address?: string | undefined;
  /** Addresses and names of machines of the site that a VM without a known lease must not pass itself off as. */
  known?: string[] | undefined;
}

/** Seconds for which a TCP connection stays known: as long as the kernel's own connection tracking keeps one. */
const flowSeconds = { opening: 120, open: 432_000, closing: 120 };

/** How long a lease that nobody uses is believed, and how long a ping may wait for its answer. */
const [leaseLife, echoLife] = ["1d", "30s"];

/**
 * What a fence marks a frame with that it lets through; taps of ours lose every frame without it (the table `closed` of
 * egress-fence.sh). The frame loses the mark again at once.
 */
export const passed = "0x4846";

/** Owners' names have dots, which nftables does not take. */
export function tableName(owner: string): string {
  return `holdfast_fence_${owner.replace(/[^A-Za-z0-9]/g, "_")}`;
}

/** Family and name of a fence's table. */
export function tableOf(owner: string, { layer }: FenceKind): string {
  return `${layer === "bridge" ? "bridge" : "inet"} ${tableName(owner)}`;
}

/** The rules of one layer. */
export function rules(owner: string, kind: FenceKind, policy: EgressPolicy): string {
  const definitions = `define closed = { @own@, ${policy.closed.join(", ")} }
define addresses = { @addresses@ }
define forge = { 255.255.255.255, @forge@ }
`;
  const table = kind.layer === "bridge" ? bridgeTable(kind) : vmTable;
  return `${definitions}${kind.layer === "bridge" ? bridgeDefinitions : ""}table ${tableOf(owner, kind)} {\n${table}}\n`;
}

const bridgeDefinitions = `define known = { 255.255.255.255, @addresses@, @known@ }
define taps = { @taps@ }
`;

/** The two ends of a TCP connection, the VM's first, in a frame that it sends and in one that it gets. */
const [sent, received] = ["ip saddr . ip daddr . tcp sport . tcp dport", "ip daddr . ip saddr . tcp dport . tcp sport"];

/**
 * Connections are known by both of their ends and not by the kernel's tracking, which not every kernel has for bridges:
 * `opened` from outside, by their first segment; `opening` by the VM, once an exception let that through. The sets stay
 * when the rules are loaded again. Each is bounded, and nothing that the VM sends fills the one that answers to others need.
 */
function bridgeTable(card: BridgeLayer): string {
  const refresh = (set: string, ends: string, verdict: string) => `
    ${ends} @${set} tcp flags & (fin | rst) != 0 update @${set} { ${ends} timeout ${flowSeconds.closing}s } ${verdict}
    ${ends} @${set} update @${set} { ${ends} timeout ${flowSeconds.open}s } ${verdict}`;
  return `  set opened {
    type ipv4_addr . ipv4_addr . inet_service . inet_service
    size 16384
    flags dynamic,timeout
  }
  set opening {
    type ipv4_addr . ipv4_addr . inet_service . inet_service
    size 65536
    flags dynamic,timeout
  }
  set echoes {
    type ipv4_addr . ipv4_addr
    size 1024
    flags dynamic,timeout
  }
${card.address ? "" : leaseSets}  chain allowed {
  }
  chain out {
    meta mark set ${passed}
    accept
  }
  chain pass {
    meta l4proto tcp update @opening { ${sent} timeout ${flowSeconds.opening}s }
    goto out
  }
${card.address ? staticChains(card.mac, card.address) : leaseChains(card.mac)}  chain fence {
    ether saddr != ${card.mac} counter drop
    ether type arp goto claim
    ether type != ip counter drop
    ip hdrlength != 5 counter drop
    ${card.address ? "" : "udp sport 68 udp dport 67 goto ask\n    "}jump source${refresh("opened", sent, "goto out")}${refresh("opening", sent, "goto out")}
    icmp type echo-reply ip saddr . ip daddr @echoes goto out
    jump allowed
    ip daddr $forge counter drop
    ip daddr $closed counter drop
    meta l4proto != { icmp, tcp, udp } counter drop
    goto out
  }
  chain from_vm {
    type filter hook prerouting priority -302; policy accept;
    iifname $taps jump fence
    ether saddr ${card.mac} jump fence
  }
  chain to_vm {
    type filter hook postrouting priority 0; policy accept;
    oifname != $taps ether daddr != ${card.mac} accept
    ${card.address ? "" : `udp sport 67 udp dport 68 ${dhcp.op} 2 ${dhcp.chaddr} ${hex(card.mac)} ${acknowledged} jump learn\n    `}tcp flags & (fin | syn | rst | ack) == syn update @opened { ${received} timeout ${flowSeconds.opening}s } accept${refresh("opened", received, "accept")}${refresh("opening", received, "accept")}
    icmp type echo-request update @echoes { ip daddr . ip saddr timeout ${echoLife} }
  }
`;
}

/** A VM with a static address claims that one and sends from it. */
function staticChains(mac: string, address: string): string {
  return `  chain claim {
    ${arpForm(mac)}
    arp saddr ip ${address} goto out
    arp saddr ip 0.0.0.0 arp operation request arp daddr ip ${address} goto out
    counter drop
  }
  chain source {
    ip saddr != ${address} counter drop
  }
`;
}

/** ARP for Ethernet and IPv4, a question or an answer, about the card whose frame it is. */
const arpForm = (mac: string) => `arp htype != 1 counter drop
    arp ptype != ip counter drop
    arp operation != { request, reply } counter drop
    arp saddr ether != ${mac} counter drop`;

/**
 * Addresses that DHCP gave the VM, the servers that did, and whether any was given. nftables has no words for DHCP, and not
 * every release compares raw bits with an address: so all of it is bits, as a frame has them.
 */
const leaseSets = `  set leases {
    typeof @th,192,32
    size 8
    flags dynamic,timeout
  }
  set servers {
    type ipv4_addr
    size 8
    flags dynamic,timeout
  }
  set bound {
    typeof @ll,48,48
    size 2
    flags dynamic,timeout
  }
`;

/** Bits of a frame: its sender's card, its IPv4 source, and who an ARP frame says that it is and looks for. */
const raw = { card: "@ll,48,48", source: "@nh,96,32", sender: "@nh,112,32", target: "@nh,192,32" };

/** Bits of a DHCP message behind its UDP header. */
const dhcp = { op: "@th,64,8", ciaddr: "@th,160,32", yiaddr: "@th,192,32", giaddr: "@th,256,32", chaddr: "@th,288,48" };

/**
 * A VM with DHCP is bound to the address in the answer that crossed the bridge toward it (`learn`). Until one did, it may
 * claim any that is not known to be another machine's. What it asks the server must be about itself: its card, its address,
 * through no relay.
 */
function leaseChains(mac: string): string {
  return `  chain learn {
    ${dhcp.yiaddr} 0 return
    update @leases { ${dhcp.yiaddr} timeout ${leaseLife} }
    update @bound { ${dhcp.chaddr} timeout ${leaseLife} }
    update @servers { ip saddr timeout ${leaseLife} }
  }
  chain ask {
    ${dhcp.op} != 1 counter drop
    ${dhcp.chaddr} != ${hex(mac)} counter drop
    ${dhcp.giaddr} != 0 counter drop
    ${dhcp.ciaddr} 0 ip saddr 0.0.0.0 ip daddr 255.255.255.255 goto out
    ${dhcp.ciaddr} @leases ${raw.source} @leases ip daddr 255.255.255.255 goto out
    ${dhcp.ciaddr} @leases ${raw.source} @leases ip daddr @servers goto out
    counter drop
  }
  chain claim {
    ${arpForm(mac)}
    ${raw.sender} @leases goto out
    arp saddr ip 0.0.0.0 arp operation request ${raw.target} @leases goto out
    ${raw.card} @bound counter drop
    arp saddr ip $known counter drop
    arp saddr ip 0.0.0.0 arp daddr ip $known counter drop
    goto out
  }
  chain source {
    ${raw.source} @leases update @leases { ${raw.source} timeout ${leaseLife} } update @bound { ${raw.card} timeout ${leaseLife} } return
    ${raw.card} @bound counter drop
    ip saddr $known counter drop
  }
`;
}

/** The first option of a DHCP message says that it is the final answer. */
const acknowledged = "@th,1984,24 0x350105";

/** A MAC address as the number that raw bits are compared with. */
function hex(mac: string): string {
  return `0x${mac.replaceAll(":", "")}`;
}

/**
 * A VM tracks connections, whose answers pass. A container's packets to its neighbours on the VM never leave it; to the VM's
 * own addresses they are input.
 */
const vmTable = `  chain allowed {
  }
  chain pass {
    accept
  }
  chain fence {
    meta nfproto ipv6 counter reject with icmpx admin-prohibited
    ct state { established, related } accept
    jump allowed
    ip daddr $forge counter reject with icmpx admin-prohibited
    ip daddr $closed counter reject with icmpx admin-prohibited
  }
  chain from_containers {
    type filter hook forward priority -10; policy accept;
    oifname "docker*" accept
    oifname "br-*" accept
    jump fence
  }
  chain from_accounts {
    type filter hook output priority 0; policy accept;
    meta skuid 0 accept
    oifname "lo" accept
    oifname "docker*" accept
    oifname "br-*" accept
    udp sport 68 udp dport 67 accept
    jump fence
  }
`;
