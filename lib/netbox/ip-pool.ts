/**
 * The part of a subnet that addresses are given out of, as numbers: whether it can work, what lies in it, what is free.
 * IPv4 alone. Pure.
 */
import { isIPv4 } from "node:net";
import { contains, ipv4Number, ipv4Text, isCidr, isEdge, networkOf } from "../network/ipv4.ts";

/** Addresses to give out. */
export interface IpPool {
  /** For example `10.60.0.0/24`. */
  subnet: string;
  /** First and last address, both included. */
  from: string;
  to: string;
}

/** An address without its prefix length. */
export function hostPart(address: string): string {
  return address.split("/")[0] ?? "";
}

/** An address of the pool with the prefix length of its subnet. */
export function withPrefixLength(pool: Pick<IpPool, "subnet">, host: string): string {
  return `${host}/${pool.subnet.split("/")[1]}`;
}

/** For people: `10.60.0.2–10.60.0.9 of 10.60.0.0/28`. */
export function poolText({ subnet, from, to }: IpPool): string {
  return `${from}–${to} of ${subnet}`;
}

/** Whether an address, with prefix length or without, is one to give out. */
export function inPool(pool: IpPool, address: string): boolean {
  const number = ipv4Number(hostPart(address));
  return number >= ipv4Number(pool.from) && number <= ipv4Number(pool.to);
}

/** Whether an address, with prefix length or without, is in the subnet, its edges among them. */
export function inSubnet({ subnet }: Pick<IpPool, "subnet">, address: string): boolean {
  return contains(subnet, hostPart(address));
}

/** Why a pool cannot work, each with the part that is wrong; nothing when it can. */
export function poolProblems({ subnet, from, to }: IpPool): { part: keyof IpPool; reason: string }[] {
  if (!isCidr(subnet)) return [{ part: "subnet", reason: "expected an IPv4 network with prefix length" }];
  const problems: { part: keyof IpPool; reason: string }[] = [];
  if (networkOf(subnet) !== subnet) {
    problems.push({ part: "subnet", reason: "expected the network's own address, without bits of a host" });
  }
  for (const [part, address] of [["from", from] as const, ["to", to] as const]) {
    if (!isIPv4(address)) problems.push({ part, reason: "expected an IPv4 address" });
    else if (!inSubnet({ subnet }, address)) problems.push({ part, reason: "is outside the subnet" });
    else if (Number(subnet.split("/")[1]) < 31 && isEdge(withPrefixLength({ subnet }, address))) {
      problems.push({ part, reason: "is the network's own or its broadcast address" });
    }
  }
  if (problems.length === 0 && ipv4Number(from) > ipv4Number(to)) {
    problems.push({ part: "to", reason: "comes before from" });
  }
  return problems;
}

/**
 * The lowest address of the pool that is not taken.
 * @param taken hosts, as numbers.
 * @returns undefined when all are.
 */
export function lowestFree(pool: IpPool, taken: ReadonlySet<number>): string | undefined {
  for (let number = ipv4Number(pool.from); number <= ipv4Number(pool.to); number++) {
    if (!taken.has(number)) return ipv4Text(number);
  }
  return undefined;
}
