/**
 * Decisions about a VM that need no cloud: names, the network card's address, what does not fit together. Pure.
 */
import { createHash } from "node:crypto";
import type { SiteNetwork } from "../../lib/contracts/site.ts";
import { contains, ipv4Number, isEdge } from "../../lib/network/ipv4.ts";
import type { VmNames } from "../../resources/host/preflight.ts";
import type { Network } from "./cloud-init.ts";

/** Volume names of a VM. The base volume's name changes with the image. */
export function vmNames(vm: string, imageSha256: string): VmNames {
  return { base: `${vm}-base-${imageSha256.slice(0, 12)}.qcow2`, root: `${vm}.qcow2`, seed: `${vm}-seed.iso` };
}

/**
 * Address of the network card: the same for the same owner and name, so that DHCP gives a rebuilt VM its old lease.
 * The first three octets are QEMU's own.
 */
export function macAddress(owner: string, vm: string): string {
  const digest = createHash("sha256").update(`${owner}\0${vm}`).digest("hex");
  return `52:54:00:${digest.slice(0, 2)}:${digest.slice(2, 4)}:${digest.slice(4, 6)}`;
}

/** What is configured of a VM's network. Empty texts and lists mean: not given. */
export interface NetworkWish {
  cidr: string;
  gateway?: string | undefined;
  dns: string[];
}

/**
 * Decides the network of a VM from its configuration and, where the site is known, from the bridge's network there.
 * @returns the network, or everything that is wrong with the wish, by configuration key.
 */
export function planNetwork(
  wish: NetworkWish,
  network: SiteNetwork | undefined,
): { network: Network } | { problems: { key: string; reason: string }[] } {
  const dns = wish.dns.length > 0 ? wish.dns : (network?.dns ?? []);
  if (wish.cidr === "") return { network: { kind: "dhcp", dns } };
  const problems: { key: string; reason: string }[] = [];
  const [address = "", length = "0"] = wish.cidr.split("/");
  const gateway = wish.gateway ?? network?.gateway;
  if (!gateway)
    problems.push({ key: "vm.gateway", reason: "is required with vm.ipCidr where the site contract has none" });
  else if (!contains(wish.cidr, gateway))
    problems.push({ key: "vm.gateway", reason: "is outside the network of vm.ipCidr" });
  else if (gateway === address) problems.push({ key: "vm.ipCidr", reason: "is the gateway's own address" });
  if (Number(length) < 31 && isEdge(wish.cidr))
    problems.push({ key: "vm.ipCidr", reason: "is the network's own or its broadcast address" });
  if (network && !contains(network.cidr, address)) {
    problems.push({ key: "vm.ipCidr", reason: `is outside ${network.cidr}, the network of ${network.bridge}` });
  }
  if (
    network?.dhcp &&
    ipv4Number(address) >= ipv4Number(network.dhcp.from) &&
    ipv4Number(address) <= ipv4Number(network.dhcp.to)
  ) {
    problems.push({ key: "vm.ipCidr", reason: `lies in the DHCP range ${network.dhcp.from} to ${network.dhcp.to}` });
  }
  if (problems.length > 0 || !gateway) return { problems };
  return { network: { kind: "static", cidr: wish.cidr, gateway, dns } };
}
