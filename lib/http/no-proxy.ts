/**
 * Who is asked directly although there is a proxy: read as Go reads it (golang.org/x/net/http/httpproxy), because Pulumi and its
 * providers are written in Go, and one `NO_PROXY` has to mean one thing to all that take part in a deployment.
 */
import { BlockList, isIP } from "node:net";
import { domainToASCII } from "node:url";

/** Where a call goes. */
export interface Destination {
  /** Name in ASCII and lower case, or address without brackets. */
  host: string;
  /** In digits, the scheme's own one included. */
  port: string;
}

/**
 * Whether no proxy is used: for this machine itself, never; for others as the list says.
 * @param list as in `NO_PROXY`, separated by commas: `*`; an address or a name with or without a port; a network
 * (`10.0.0.0/8`). A name means its subdomains too, one with a dot or `*.` in front of it means them alone. What cannot be read is
 * passed over.
 */
export function isDirect({ host, port }: Destination, list: string): boolean {
  if (host === "localhost" || (isIP(host) && contains(host, loopback))) return true;
  const entries = list.split(",").map((entry) => entry.trim().toLowerCase());
  return entries.some((entry) => entry === "*" || means(entry, { host, port }));
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

function means(entry: string, to: Destination): boolean {
  const network = networkOf(entry);
  if (network) return isIP(to.host) !== 0 && contains(to.host, network);
  const [host, port] = parted(entry);
  if (port !== undefined && port !== to.port) return false;
  if (isIP(host)) return isIP(to.host) !== 0 && contains(to.host, only(host));
  return isIP(to.host) === 0 && meansName(host, to.host);
}

function meansName(entry: string, host: string): boolean {
  const wanted = entry.replace(/^\*(?=\.)/, "");
  if (wanted === "") return false;
  const suffix = ascii(wanted.replace(/^\.?/, "."));
  return host.endsWith(suffix) || (!wanted.startsWith(".") && host === suffix.slice(1));
}

/** A name that only Unicode can spell, as DNS has it. */
function ascii(suffix: string): string {
  return (/[^ -~]/.test(suffix) && domainToASCII(suffix.slice(1)) && `.${domainToASCII(suffix.slice(1))}`) || suffix;
}

/** Host and port of an entry. An address of IPv6 has a port only behind brackets. */
function parted(entry: string): [host: string, port: string | undefined] {
  const [, inBrackets, name, port] = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(entry) ?? [];
  return port === undefined ? [entry, undefined] : [inBrackets ?? name ?? "", port];
}

function networkOf(entry: string): BlockList | undefined {
  const [, address = "", bits = ""] = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(entry) ?? [];
  const version = isIP(address);
  if (version === 0 || Number(bits) > (version === 4 ? 32 : 128)) return undefined;
  const network = new BlockList();
  network.addSubnet(address, Number(bits), familyOf(address));
  return network;
}

function only(address: string): BlockList {
  const one = new BlockList();
  one.addAddress(address, familyOf(address));
  return one;
}

function contains(address: string, network: BlockList): boolean {
  return network.check(address, familyOf(address));
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}
