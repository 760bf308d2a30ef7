/**
 * Arithmetic of IPv4 addresses and networks. Pure; texts are taken as legal.
 */
import { isIP } from "node:net";

/** `10.0.0.1` → 167772161. */
export function ipv4Number(address: string): number {
  return address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

/** 167772161 → `10.0.0.1`. */
export function ipv4Text(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** The network of an address with prefix length: `10.0.0.5/24` → `10.0.0.0/24`. */
export function networkOf(cidr: string): string {
  const [address = "", length = "0"] = cidr.split("/");
  const number = ipv4Number(address);
  return `${ipv4Text(number - (number % 2 ** (32 - Number(length))))}/${length}`;
}

/** Whether an address lies in a network given as any of its addresses with a prefix length. */
export function contains(cidr: string, address: string): boolean {
  const [base = "", length = "0"] = cidr.split("/");
  const hostBits = 2 ** (32 - Number(length));
  return Math.floor(ipv4Number(base) / hostBits) === Math.floor(ipv4Number(address) / hostBits);
}

/** Whether an address with prefix length is the first or the last one of its network. */
export function isEdge(cidr: string): boolean {
  const [address = "", length = "0"] = cidr.split("/");
  const hosts = 2 ** (32 - Number(length));
  const offset = ipv4Number(address) % hosts;
  return offset === 0 || offset === hosts - 1;
}

/** Whether the text is an IPv4 address with a prefix length from 1 to 32. */
export function isCidr(text: string): boolean {
  const [address = "", length = "", ...rest] = text.split("/");
  return (
    rest.length === 0 && isIP(address) === 4 && /^\d{1,2}$/.test(length) && Number(length) >= 1 && Number(length) <= 32
  );
}
