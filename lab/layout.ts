/**
 * Everything about a site that follows from its name: directories, namespaces, addresses. Pure: nothing is made here.
 */
import { join, resolve } from "node:path";
import { Failure } from "../lib/failure.ts";

/** The site's addresses. All sites have the same ones: each has a network of its own, with no way out. */
export const network = {
  prefix: "198.51.100",
  cidr: "198.51.100.0/24",
  /** The switch: DHCP, DNS, and the default gateway, which leads nowhere. */
  gateway: "198.51.100.254",
  dhcp: { from: "198.51.100.100", to: "198.51.100.199" },
  workstation: "198.51.100.2",
  forge: "198.51.100.3",
  hosts: { crunchy: "198.51.100.10" },
  /** The Proxmox host of a site for pools. */
  proxmox: "198.51.100.20",
  /** The NetBox of a site for pools. */
  netbox: "198.51.100.30",
  /** Behind the gateway, both with a web server on port 80: a machine of the internet, and a cloud's metadata service. */
  internet: "203.0.113.80",
  metadata: "169.254.169.254",
} as const;

/** The hosts of a site. */
export type HostName = keyof typeof network.hosts;

/** A part of a site: each has its own network namespace and cgroup. */
export type Part = "lan" | "ws" | "forge" | HostName | "pve" | "netbox";

/** A part's MAC address: the same after every boot, as a real card's is, so that neighbours' tables stay right. */
export function macOf(part: Part): string {
  return `02:48:46:00:00:${(parts.indexOf(part) + 1).toString(16).padStart(2, "0")}`;
}

/** All parts that a site may have, in the order in which they are made: the switch first, the others are plugged into it. */
export const parts: readonly Part[] = ["lan", "ws", "forge", "crunchy", "pve", "netbox"];

/** Paths and names of one site. */
export interface Layout {
  /** The site's name. */
  name: string;
  /** Its run state, 0700. */
  directory: string;
  /** The network namespace of a part, for `ip netns exec`. */
  netns(part: Part): string;
  /** The network namespace of something that is no part, such as a test's own machine. Removed with the site. */
  namespaceOf(name: string): string;
  /** A path in the run state. */
  path(...segments: string[]): string;
}

/** Where all sites keep their run state: `HOLDFAST_LAB`, else /var/lib/holdfast/lab. Absolute. */
export function labDirectory(): string {
  return resolve(process.env.HOLDFAST_LAB || "/var/lib/holdfast/lab");
}

/** The layout of the site of this name: 1 to 12 lower-case letters, digits and hyphens, starting with a letter. */
export function layoutOf(name: string): Layout {
  if (!/^[a-z][a-z0-9-]{0,11}$/.test(name))
    throw new Failure(`"${name}" cannot name a lab site.`, "use 1 to 12 of a-z, 0-9 and -, starting with a letter");
  const directory = join(labDirectory(), name);
  return {
    name,
    directory,
    netns: (part) => `hf-${name}-${part}`,
    namespaceOf: (other) => `hf-${name}-${other}`,
    path: (...segments) => join(directory, ...segments),
  };
}
