/**
 * What of a network may be given out as static addresses: never its gateway, its first and last address, or what DHCP gives
 * out. Pure.
 */
import type { SiteNetwork } from "../contracts/site.ts";
import { contains, ipv4Number, ipv4Text, isEdge, networkOf } from "../network/ipv4.ts";

/** The static addresses of a network. */
export interface StaticPool {
  /** For example `10.60.0.0/24`. */
  subnet: string;
  gateway: string;
  /** First and last address, both included. */
  from: string;
  to: string;
}

/**
 * The static pool of a network: the one that the site states, else what lies between gateway and DHCP range.
 * @returns the pool, or everything that is wrong with it.
 */
export function staticPool({ bridge, cidr, gateway, dhcp, pool }: SiteNetwork): StaticPool | { problems: string[] } {
  if (!gateway || !(pool ?? dhcp)) {
    return {
      problems: [
        `ipam requires cidr/gateway/dhcp_range_start in subnet for bridge=${bridge}: add gateway, and dhcp or pool, to that network of the foundation`,
      ],
    };
  }
  const subnet = networkOf(cidr);
  const from = pool?.from ?? ipv4Text(ipv4Number(gateway) + 1);
  const to = pool?.to ?? ipv4Text(ipv4Number(dhcp?.from ?? "") - 1);
  const problems: string[] = [];
  const inside = (what: string, address: string) => {
    if (!contains(subnet, address)) problems.push(`${what} ${address} not inside prefix ${subnet}`);
  };
  inside("gateway", gateway);
  if (pool) for (const address of [from, to]) inside("pool address", address);
  else inside("dhcp_range_start", dhcp?.from ?? "");
  if (dhcp && ipv4Number(dhcp.from) > ipv4Number(dhcp.to)) {
    problems.push(`the DHCP range ${dhcp.from} to ${dhcp.to} ends before it begins`);
  }
  if (ipv4Number(from) > ipv4Number(to)) {
    const why = pool ? "" : `, between gateway ${gateway} and DHCP from ${dhcp?.from}; state pool in the foundation`;
    problems.push(`invalid static pool for ${subnet}: start ${from} > end ${to}${why}`);
  } else {
    problems.push(...overlaps({ subnet, from, to, gateway }, dhcp));
  }
  if (problems.length > 0) return { problems: problems.map((problem) => `${problem} (network of bridge ${bridge})`) };
  return { subnet, gateway, from, to };
}

function overlaps({ subnet, from, to, gateway }: StaticPool, dhcp: SiteNetwork["dhcp"]): string[] {
  const [first, last] = [ipv4Number(from), ipv4Number(to)];
  const pool = `the static pool ${from} to ${to}`;
  const prefix = subnet.split("/")[1];
  const edge = [from, to].find((address) => isEdge(`${address}/${prefix}`));
  return [
    ...(first <= ipv4Number(gateway) && ipv4Number(gateway) <= last
      ? [`${pool} has the gateway ${gateway} in it`]
      : []),
    ...(edge && Number(prefix) < 31 ? [`${pool} has ${edge} in it, the network's own or its broadcast address`] : []),
    ...(dhcp && first <= ipv4Number(dhcp.to) && ipv4Number(dhcp.from) <= last
      ? [`${pool} overlaps the DHCP range ${dhcp.from} to ${dhcp.to}`]
      : []),
  ];
}

/** How many addresses it has. */
export function poolSize({ from, to }: Pick<StaticPool, "from" | "to">): number {
  return ipv4Number(to) - ipv4Number(from) + 1;
}
