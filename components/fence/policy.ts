/**
 * The egress policy of a fenced runner: what a job may reach. Pure. The rules that carry it out are in rules.ts.
 *
 * A job reaches the forge's own port, name servers and the internet; not the LAN, the hypervisor, other VMs, cloud metadata
 * or the site's own public addresses.
 */
import { hostOf } from "../../lib/network/address.ts";
import { contains, ipv4Number } from "../../lib/network/ipv4.ts";
import type { EgressPolicy, Exception } from "../../resources/egress-policy.ts";

/**
 * What is never the internet (RFC 6890): private networks, carrier-grade NAT, link-local with its cloud metadata, loopback,
 * multicast and what is reserved; and the address by which one cloud serves its VMs from outside of those. IPv6 is closed
 * as a whole: which of its networks are the LAN cannot be told from here.
 */
export const neverInternet = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "224.0.0.0/3",
] as const;

/** What no exception may open: each is the machine's own, a cloud's metadata service, or many machines at once. */
const neverAllowed: [network: string, what: string][] = [
  ["0.0.0.0/8", "the unspecified network"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local, with the metadata services of clouds"],
  ["168.63.129.16/32", "the metadata service of a cloud"],
  ["100.100.100.200/32", "the metadata service of a cloud"],
  ["224.0.0.0/3", "multicast, or reserved"],
];

/** Shortest prefix of a network that may be opened. */
const shortestPrefix = 8;

const label = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?";
const octet = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const address = `${octet}(\\.${octet}){3}`;
const exception = new RegExp(
  `^(?<lan>lan:)?(?<host>${address}(/(3[0-2]|[12]\\d|\\d))?|(?=[^:]*[a-zA-Z])${label}(\\.${label})*)(:(?<port>[1-9]\\d{0,4})(/(?<protocol>tcp|udp))?)?$`,
);
const spelling =
  "expected host, host:port or host:port/udp, where host is an IPv4 address, a network such as 10.9.0.0/24, or a name; lan: in front of a name that stands for a machine of the LAN";

/** Whether it is a name, and no address or network. */
export function isName(host: string): boolean {
  return /[a-zA-Z]/.test(host);
}

/** What is wrong with an exception as the configuration spells it; undefined when it is one. */
export function exceptionProblem(text: string): string | undefined {
  const { lan, host = "", port } = exception.exec(text)?.groups ?? {};
  if (host === "" || Number(port ?? 1) > 65_535) return spelling;
  if (isName(host)) return undefined;
  if (lan) return "expected a name behind lan: (an address says itself where it is)";
  const [first = "", length = "32"] = host.split("/");
  if (Number(length) < shortestPrefix)
    return `expected a network with a prefix length of at least ${shortestPrefix}; for everything, set runner.egress.policy to open`;
  if (ipv4Number(first) % 2 ** (32 - Number(length)) !== 0)
    return "expected a network's own address, without a machine's part: 10.9.0.0/24, not 10.9.0.5/24";
  const never = neverAllowed.find(
    ([network]) => contains(network, first) || contains(asNetwork(host), network.split("/")[0] ?? ""),
  );
  return never && `expected no address of ${never[0]} (${never[1]})`;
}

/** Whether the text is an exception as the configuration spells it; see `exceptionProblem`. */
export function isException(text: string): boolean {
  return exceptionProblem(text) === undefined;
}

/** Reads an exception: `192.168.1.20`, `10.9.0.0/24`, `lan:registry.lab:5000` (TCP), `192.168.1.9:123/udp`. */
export function parseException(text: string): Exception {
  const problem = exceptionProblem(text);
  if (problem) throw new Error(`${text} is no exception: ${problem}`);
  const { lan, host = "", port, protocol } = exception.exec(text)?.groups ?? {};
  const meant = { host, ...(lan ? { lan: true } : {}) };
  if (!port) return { ...meant, protocol: "any" };
  return { ...meant, protocol: protocol === "udp" ? "udp" : "tcp", port: Number(port) };
}

/** What is configured of the fence. */
export interface EgressWish {
  forgeUrl: string;
  /** Name servers; none known means that port 53 is open towards every address. */
  dns: string[];
  /** Texts that `isException` accepts. */
  allow: string[];
  /** Networks of the site, for example `192.168.1.0/24`. */
  siteNetworks: string[];
  /** Addresses and networks by which the internet sees the site, for example `203.0.113.7`. */
  publicAddresses: string[];
}

/** The policy that follows from the configuration. */
export function planEgress(wish: EgressWish): EgressPolicy {
  const { protocol, port } = new URL(wish.forgeUrl);
  const forge = hostOf(wish.forgeUrl);
  const forgePort = Number(port || (protocol === "https:" ? 443 : 80));
  const nameServers = wish.dns.length > 0 ? wish.dns : ["0.0.0.0/0"];
  return {
    exceptions: [
      { host: forge, protocol: "tcp", port: forgePort, ...(isName(forge) ? { lan: true } : {}) },
      ...nameServers.map((host): Exception => ({ host, protocol: "any", port: 53 })),
      ...wish.allow.map(parseException),
    ],
    closed: [...new Set([...neverInternet, ...wish.siteNetworks, ...wish.publicAddresses.map(asNetwork)])],
    forge,
  };
}

/** The site's machines that a VM must never pass itself off as, as far as the configuration tells: addresses and names. */
export function knownMachines(policy: EgressPolicy, others: (string | undefined)[]): string[] {
  const single = policy.exceptions.map(({ host }) => host).filter((host) => !host.includes("/"));
  return [...new Set([...others.filter((host) => host !== undefined), ...single])].filter(
    (host) => !host.includes(":"),
  );
}

function asNetwork(host: string): string {
  return host.includes("/") ? host : `${host}/32`;
}
