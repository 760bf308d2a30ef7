/**
 * The part of a subnet that addresses are given out of, as numbers: whether it can work, what lies in it, what is free.
 * IPv4 alone. Pure.
 */
import { isIPv4 } from "node:net";
import { isCidr } from "../config/fields.ts";

/** Addresses to give out. */
export interface IpPool {
  /** For example `10.60.0.0/24`. */
  subnet: string;
  /** First and last address, both included. */
  from: string;
  to: string;
}

/** An IPv4 address as a number, so that addresses can be compared. */
export function ipNumber(address: string): number {
  return address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

/** The other way round. */
export function ipText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}

/** An address without its prefix length. */
export function hostPart(address: string): string {
  return address.split("/")[0] ?? "";
}

/** An address of the pool with the prefix length of its subnet. */
export function withPrefixLength(pool: IpPool, host: string): string {
  return `${host}/${pool.subnet.split("/")[1]}`;
}

/** For people: `10.60.0.2–10.60.0.9 of 10.60.0.0/28`. */
export function poolText({ subnet, from, to }: IpPool): string {
  return `${from}–${to} of ${subnet}`;
}

/** How many addresses a pool has. */
export function poolSize({ from, to }: IpPool): number {
  return ipNumber(to) - ipNumber(from) + 1;
}

/** Whether an address, with prefix length or without, is one to give out. */
export function inPool(pool: IpPool, address: string): boolean {
  const number = ipNumber(hostPart(address));
  return number >= ipNumber(pool.from) && number <= ipNumber(pool.to);
}

/** Whether an address, with prefix length or without, is in the subnet, its edges among them. */
export function inSubnet(pool: Pick<IpPool, "subnet">, address: string): boolean {
  const { first, last } = edges(pool.subnet);
  const number = ipNumber(hostPart(address));
  return number >= first && number <= last;
}

/** Why a pool cannot work, each with the part that is wrong; nothing when it can. */
export function poolProblems({ subnet, from, to }: IpPool): { part: keyof IpPool; reason: string }[] {
  if (!isCidr(subnet)) return [{ part: "subnet", reason: "expected an IPv4 network with prefix length" }];
  const { first, last } = edges(subnet);
  const problems: { part: keyof IpPool; reason: string }[] = [];
  if (ipNumber(hostPart(subnet)) !== first) {
    problems.push({ part: "subnet", reason: "expected the network's own address, without bits of a host" });
  }
  for (const [part, address] of [["from", from] as const, ["to", to] as const]) {
    if (!isIPv4(address)) problems.push({ part, reason: "expected an IPv4 address" });
    else if (!inSubnet({ subnet }, address)) problems.push({ part, reason: "is outside the subnet" });
    else if (last - first > 1 && [first, last].includes(ipNumber(address))) {
      problems.push({ part, reason: "is the network's own or its broadcast address" });
    }
  }
  if (problems.length === 0 && ipNumber(from) > ipNumber(to)) {
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
  for (let number = ipNumber(pool.from); number <= ipNumber(pool.to); number++) {
    if (!taken.has(number)) return ipText(number);
  }
  return undefined;
}

function edges(subnet: string): { first: number; last: number } {
  const hosts = 2 ** (32 - Number(subnet.split("/")[1]));
  const number = ipNumber(hostPart(subnet));
  const first = number - (number % hosts);
  return { first, last: first + hosts - 1 };
}
