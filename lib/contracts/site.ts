/**
 * `site@1`: what a site is, as the foundation states it. Plain facts; it dials nothing and holds no secret, only the
 * names of configuration keys that hold one.
 */
import { z } from "zod";
import { isCidr } from "../network/ipv4.ts";
import type { Contract } from "./contract.ts";

const ipv4 = z.ipv4("expected an IPv4 address");

/** An address by which the internet sees the site, or a network of them. */
export const publicAddress = z
  .string()
  .refine((text) => isCidr(text) || z.ipv4().safeParse(text).success, "expected IPv4 addresses or networks");

/** A network of the site and the bridge by which VMs reach it. */
export const network = z.strictObject({
  /** For example `lan`. */
  name: z.string().min(1),
  /** Bridge on the hypervisors, for example `br0`. */
  bridge: z.string().regex(/^[\w.-]{1,15}$/, "expected the name of a network interface"),
  /** For example `192.168.1.0/24`. */
  cidr: z.string().refine(isCidr, "expected an IPv4 network with prefix length"),
  gateway: ipv4.optional(),
  dns: z.array(ipv4).default([]),
  /** Addresses that DHCP gives out, both ends included: never used for static addresses. */
  dhcp: z.strictObject({ from: ipv4, to: ipv4 }).optional(),
  /** Addresses that IPAM gives out, both ends included. Default: from behind the gateway up to the DHCP range. */
  pool: z.strictObject({ from: ipv4, to: ipv4 }).optional(),
  /** VLAN id, 1 to 4094. */
  vlan: z.int().min(1).max(4094).optional(),
});

/** Something that others ask for an answer: how to reach it, and which configuration key of the consumer has its secret. */
const authority = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: "expected http(s)://…" })
    .refine((url) => !/\/\/[^/]*@/.test(url), "expected no user or password in it"),
  /** Address for SSH, where that is needed. */
  address: z.string().min(1).optional(),
  /** Name of the secret configuration key, for example `forge.token`. Never a value. */
  secretKey: z
    .string()
    .max(40, "expected the name of a configuration key, not a secret")
    // With a dot in it: no token of Gitea, Forgejo or NetBox passes for one.
    .regex(/^[a-z][A-Za-z0-9-]*(\.[A-Za-z0-9-]+)+$/, "expected the name of a configuration key, not a secret")
    .optional(),
});

/** A cluster of Proxmox VE, as `holdfast init proxmox` found it. */
const proxmox = authority.extend({
  /** SSH port of `address`; default 22. */
  port: z.int().min(1).max(65535).optional(),
  /** Public SSH host key of `address`: `ssh-ed25519 AAAA…`. */
  hostKey: z
    .string()
    .regex(
      /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/]+=*$/,
      "expected a public key as ssh-keyscan prints it",
    )
    .optional(),
  /** Node for VMs whose template and configuration name none. */
  node: z.string().min(1).optional(),
  /** Storages that its token may use, the one for VMs' disks first. */
  storages: z.array(z.string().min(1)).min(1).optional(),
});

const site = z.strictObject({
  contract: z.literal("site@1"),
  /** Id of the site; part of every owner mark. */
  siteId: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "expected lower-case letters, digits and single hyphens"),
  /** Environment, for example `dev` or `shared`. */
  env: z.string().regex(/^[a-z][a-z0-9-]*$/, "expected lower-case letters, digits and hyphens"),
  zone: z.string().min(1),
  networks: z.array(network),
  /** Addresses by which the internet sees the site: `203.0.113.7`, `203.0.113.64/29`. They do not count as the internet. */
  publicAddresses: z.array(publicAddress).optional(),
  authorities: z.strictObject({
    forge: authority.optional(),
    netbox: authority.optional(),
    proxmox: proxmox.optional(),
  }),
  /** GCP projects by role; never one project for all. */
  gcpProjects: z.strictObject({
    host: z.string().optional(),
    control: z.string().optional(),
    workload: z.string().optional(),
  }),
  naming: z.strictObject({ prefix: z.string().optional() }),
});

/** A site as the contract carries it. */
export type Site = z.infer<typeof site>;

/** A cluster of Proxmox VE of a site. */
export type ProxmoxAuthority = z.infer<typeof proxmox>;

/** A network of a site. */
export type SiteNetwork = z.infer<typeof network>;

/** Shapes of the parts that are given as structures in the foundation's configuration. */
export const siteParts = {
  networks: z.array(network),
  authorities: site.shape.authorities,
  gcpProjects: site.shape.gcpProjects,
};

export const siteContract: Contract<typeof site> = {
  version: "site@1",
  output: "site",
  producer: "foundation",
  schema: site,
};
