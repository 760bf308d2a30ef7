/**
 * The egress policy of a fenced runner: what a job may reach. Pure. The rules that carry it out are in rules.ts.
 *
 * A job reaches the forge, name servers and the internet; not the LAN, the hypervisor, other VMs or cloud metadata.
 */
import { hostOf } from "../address.ts";

/** Something that a job may reach although it lies where jobs may not go. */
export interface Exception {
  /** IPv4 address, IPv4 network or host name; a name is looked up on the machine that carries the fence, again and again. */
  host: string;
  /** `any` is TCP and UDP. */
  protocol: "tcp" | "udp" | "any";
  /** Port; undefined for all ports and protocols. */
  port?: number | undefined;
}

/** What the fence lets through, as both of its layers carry it out. */
export interface EgressPolicy {
  exceptions: Exception[];
  /** IPv4 networks that are closed besides those which the machine finds on its own cards. */
  closed: string[];
}

/**
 * What is never the internet (RFC 6890): private networks, carrier-grade NAT, link-local with its cloud metadata, loopback,
 * multicast and what is reserved. IPv6 is closed as a whole: which of its networks are the LAN cannot be told from here.
 */
export const neverInternet = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "224.0.0.0/3",
] as const;

const label = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?";
const octet = "(25[0-5]|2[0-4]\\d|1?\\d?\\d)";
const address = `${octet}(\\.${octet}){3}`;
const exception = new RegExp(
  `^(?<host>${address}(/(3[0-2]|[12]?\\d))?|(?=[^:]*[a-zA-Z])${label}(\\.${label})*)(:(?<port>[1-9]\\d{0,4})(/(?<protocol>tcp|udp))?)?$`,
);

/** Whether the text is an exception as the configuration spells it: `host`, `host:port` or `host:port/udp`. */
export function isException(text: string): boolean {
  const port = exception.exec(text)?.groups?.port;
  return exception.test(text) && Number(port ?? 1) <= 65_535;
}

/** Reads an exception: `192.168.1.20`, `10.9.0.0/24`, `registry.lab:5000` (TCP), `192.168.1.9:123/udp`. */
export function parseException(text: string): Exception {
  const groups = isException(text) ? exception.exec(text)?.groups : undefined;
  if (!groups?.host) throw new Error(`${text} is no exception: expected host, host:port or host:port/udp`);
  const { host, port, protocol } = groups;
  if (!port) return { host, protocol: "any" };
  return { host, protocol: protocol === "udp" ? "udp" : "tcp", port: Number(port) };
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
}

/** The policy that follows from the configuration. */
export function planEgress(wish: EgressWish): EgressPolicy {
  const { protocol, port } = new URL(wish.forgeUrl);
  const forgePort = Number(port || (protocol === "https:" ? 443 : 80));
  const nameServers = wish.dns.length > 0 ? wish.dns : ["0.0.0.0/0"];
  return {
    exceptions: [
      { host: hostOf(wish.forgeUrl), protocol: "tcp", port: forgePort },
      ...nameServers.map((host): Exception => ({ host, protocol: "any", port: 53 })),
      ...wish.allow.map(parseException),
    ],
    closed: [...new Set([...neverInternet, ...wish.siteNetworks])],
  };
}
