/**
 * Whether a VM of ours can be where somebody says that it is. A guest says where to dial, and whoever is root there says what
 * he likes: an address that is known to be another machine's is refused before anything is dialled. Who answers at any other
 * one is decided by the pinned host key. Pure.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { Site } from "../../lib/contracts/site.ts";
import { hostOf } from "../../lib/network/address.ts";
import { contains } from "../../lib/network/ipv4.ts";

/** Addresses that are taken, each with whose it is: `{ "192.168.1.1": "the gateway of lan" }`. */
export type Taken = Readonly<Record<string, string>>;

/** Addresses that no machine on a LAN has. */
const nowhere: readonly (readonly [network: string, what: string])[] = [
  ["0.0.0.0/8", "is no machine's address"],
  ["127.0.0.0/8", "is this workstation itself (loopback)"],
  ["169.254.0.0/16", "is link-local, where clouds answer with their metadata"],
  ["224.0.0.0/4", "is a multicast address"],
  ["240.0.0.0/4", "is reserved, or the broadcast address"],
];

/** The same of IPv6. */
const nowhereV6: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/^::$/, "is no machine's address"],
  [/^::1$/, "is this workstation itself (loopback)"],
  [/^fe[89ab]/, "is link-local"],
  [/^ff/, "is a multicast address"],
];

/**
 * Why nothing of ours is installed at an address, whichever key answers there; undefined where nothing speaks against it.
 * @param taken spelled as their owners' configurations have them; names are compared with names alone.
 */
export function refusal(address: string, taken: Taken): string | undefined {
  const whose = ownerOf(address, taken);
  if (whose !== undefined) return `${address} is ${whose}`;
  const wanted = canonical(address);
  if (isIPv4(wanted)) {
    const found = nowhere.find(([network]) => contains(network, wanted));
    return found && `${address} ${found[1]}`;
  }
  if (!isIPv6(wanted)) return undefined;
  const found = nowhereV6.find(([pattern]) => pattern.test(wanted));
  return found && `${address} ${found[1]}`;
}

/** Whose an address is; undefined where that is not known. */
export function ownerOf(address: string, taken: Taken): string | undefined {
  const wanted = canonical(address);
  return Object.entries(taken).find(([other]) => canonical(other) === wanted)?.[1];
}

/** What a site says of its own machines, each where it says so as an address or as the host of a URL. */
export function takenBySite(site: Site | undefined): Taken {
  if (!site) return {};
  const networks = site.networks.flatMap(({ name, gateway, dns }) => [
    ...dns.map((address) => [address, `a name server of ${name}`]),
    ...(gateway ? [[gateway, `the gateway of ${name}`]] : []),
  ]);
  const authorities = Object.entries({
    "the forge": site.authorities.forge,
    NetBox: site.authorities.netbox,
    "Proxmox VE": site.authorities.proxmox,
  }).flatMap(([what, authority]) => {
    if (!authority) return [];
    return [[hostOf(authority.url), what], ...(authority.address ? [[authority.address, `the host of ${what}`]] : [])];
  });
  return Object.fromEntries([...networks, ...authorities]);
}

/** One spelling of an address: IPv4 within IPv6 as IPv4, IPv6 shortened; a name in lower case without its last dot. */
function canonical(address: string): string {
  const bare = address.replace(/^\[(.*)\]$/, "$1").replace(/%.*$/, "");
  if (!isIPv6(bare)) return bare.toLowerCase().replace(/\.$/, "");
  const short = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (!mapped) return short;
  const halves = mapped.slice(1).map((half) => Number.parseInt(half, 16));
  return halves.flatMap((half) => [half >> 8, half & 255]).join(".");
}
