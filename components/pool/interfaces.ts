/**
 * Network cards of a pool's VMs: their shape in a stack file, and the rules that hold between a card's parts. Messages count
 * cards from 1 and keep the words that operators search for. Pure.
 */
import { isIP } from "node:net";
import { z } from "zod";
import { contains, isCidr, networkOf } from "../../lib/network/ipv4.ts";

/** A card as a stack file has it. */
export const networkInterface = z.strictObject({
  /** Bridge, or an alias of one (bridges.ts). */
  bridge: z.string(),
  /** VLAN id, 1 to 4094. */
  vlan_id: z.int().min(1).max(4094).optional(),
  /** `BC:24:11:…`; without one the hypervisor makes it up. */
  mac_address: z.string().optional(),
  /** Without it the card has no address of ours. */
  ipv4: z
    .strictObject({
      /** With prefix length, or `dhcp`. */
      address: z.string().optional(),
      gateway: z.string().optional(),
    })
    .optional(),
});

/** A card as a stack file has it. */
export type NetworkInterface = z.infer<typeof networkInterface>;

const mac = /^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/;

/**
 * Everything that is wrong with the cards of one VM.
 * @param where begins each message, for example `inputs.vms[app-01].interfaces`.
 * @param ipam whether addresses and gateways come from IPAM: those that are stated are optional then, and compared there.
 */
export function interfaceProblems(where: string, nics: readonly NetworkInterface[], ipam = false): string[] {
  if (nics.length === 0) return [`${where} must be a non-empty list`];
  return nics.flatMap((nic, index) => nicProblems(`${where}[${index + 1}]`, nic, index === 0, ipam));
}

function nicProblems(where: string, nic: NetworkInterface, primary: boolean, ipam: boolean): string[] {
  const problems: string[] = [];
  if (nic.bridge.trim() === "") problems.push(`${where}.bridge must be a non-empty string`);
  if (nic.mac_address !== undefined && !mac.test(nic.mac_address)) {
    problems.push(`${where}.mac_address must be a valid MAC address`);
  }
  if (!nic.ipv4) return problems;
  if (!ipam) return [...problems, ...addressProblems(where, nic.ipv4, primary)];
  const { address = "" } = nic.ipv4;
  return ["", "dhcp"].includes(address.toLowerCase()) ? problems : [...problems, ...staticProblems(where, address)];
}

function addressProblems(nic: string, ipv4: NonNullable<NetworkInterface["ipv4"]>, primary: boolean): string[] {
  const { address = "", gateway = "" } = ipv4;
  if (address === "") return [`${nic}.ipv4.address is required`];
  if (!primary && gateway !== "") return [`${nic}.ipv4.gateway is only allowed on interfaces[1]`];
  if (address.toLowerCase() === "dhcp") {
    return gateway === "" ? [] : [`${nic}.ipv4.gateway must be empty when address is dhcp`];
  }
  const problems = staticProblems(nic, address);
  if (!primary) return problems;
  if (gateway === "") return [...problems, `${nic}.ipv4.gateway is required for static primary NIC`];
  if (isIP(gateway) === 6) return [...problems, `${nic}.ipv4.gateway must be IPv4`];
  if (isIP(gateway) !== 4) return [...problems, `${nic}.ipv4.gateway is invalid: expected an IPv4 address`];
  if (problems.length === 0 && !contains(address, gateway)) {
    problems.push(`${nic}.ipv4.gateway must be within ${networkOf(address)}`);
  }
  if (problems.length === 0 && address.split("/")[0] === gateway) {
    problems.push(`${nic}.ipv4.address is the gateway's own address`);
  }
  return problems;
}

function staticProblems(nic: string, address: string): string[] {
  if (isIP(address.split("/")[0] ?? "") === 6) return [`${nic}.ipv4.address must be IPv4`];
  if (isCidr(address)) return [];
  return [`${nic}.ipv4.address is invalid: expected an IPv4 address with prefix length, for example 10.20.0.15/24`];
}

/** Addresses that two cards of a pool have in common, as messages; the same address twice is one machine too many. */
export function sharedAddresses(nicsByVm: Readonly<Record<string, readonly NetworkInterface[]>>): string[] {
  const holders = new Map<string, string>();
  const problems: string[] = [];
  for (const [vm, nics] of Object.entries(nicsByVm)) {
    for (const [index, { bridge, ipv4, mac_address }] of nics.entries()) {
      const nic = `inputs.vms[${vm}].interfaces[${index + 1}]`;
      const address = ipv4?.address && isCidr(ipv4.address) ? `${bridge} ${ipv4.address.split("/")[0]}` : undefined;
      for (const [field, value] of [
        ["ipv4.address", address],
        ["mac_address", mac_address?.toLowerCase()],
      ] as const) {
        if (value === undefined) continue;
        const other = holders.get(`${field} ${value}`);
        if (other) problems.push(`${nic}.${field} is the same as that of ${other}`);
        else holders.set(`${field} ${value}`, nic);
      }
    }
  }
  return problems;
}
