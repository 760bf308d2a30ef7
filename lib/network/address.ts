/**
 * How an address of a host is spelled in a URL.
 */
import { isIPv6 } from "node:net";

/** An address or name as the host of a URL: IPv6 in brackets. */
export function urlHost(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}

/** The address or name of a URL's host, as other programs than browsers take it. */
export function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, "$1");
}
