/**
 * Which machines the VMs of a pool are: what its contract says, and, where the last update did not get that far, what its
 * checkpoint has. Pure.
 */

import { componentName, hostKeyType, vmPart } from "../components/pool/state-names.ts";
import { vmsContract } from "../lib/contracts/vms.ts";
import { resourceName, textOf } from "../platform-vm/deployed.ts";
import { deployedVms } from "../platform-vm/placements/index.ts";
import type { StateResource } from "./stack.ts";

/** What tells a machine from another of the same name; empty where it is not known. */
export interface Machine {
  /** Physical name. */
  name: string;
  /** The hypervisor's id. */
  id: string;
  node: string;
  /** IPv4, without prefix length. */
  address: string;
  /** Of the first card. */
  mac: string;
  /** Digest of all of it. */
  identity: string;
}

/** The machines that a state knows, by logical name. */
export function machinesIn(resources: readonly StateResource[]): Record<string, Machine> {
  return { ...publishedIn(resources), ...deployedMachines(resources) };
}

/** What the stack exports as `vms@1`; undefined where no update has come so far since it was made. */
export function publishedIn(resources: readonly StateResource[]): Record<string, Machine> | undefined {
  const { vms } = outputsOf(resources.find(({ type }) => type === "pulumi:pulumi:Stack"));
  const published = vmsContract.schema.safeParse(vms);
  if (!published.success) return undefined;
  const machines = Object.entries(published.data.vms).map(([key, { vmId, name, node, address, mac, identity }]) => [
    key,
    { name, id: String(vmId), node, address, mac, identity },
  ]);
  return Object.fromEntries(machines);
}

/** What the checkpoint has: true of what stands, whatever came of the last update. */
export function deployedMachines(resources: readonly StateResource[]): Record<string, Machine> {
  const byUrn = Object.fromEntries(resources.map((resource) => [resource.urn, resource]));
  const machines = deployedVms(byUrn).map(({ key, name, vmId, node = "" }): [string, Machine] => {
    const component = outputsOf(resources.find(({ urn }) => resourceName(urn) === componentName(key)));
    const facts = {
      address: textOf(component.address),
      mac: textOf(component.mac),
      identity: textOf(component.identity),
    };
    return [key, { name, id: vmId === undefined ? "" : String(vmId), node, ...facts }];
  });
  return Object.fromEntries(machines);
}

/** Public SSH host keys that the stack made for its VMs, by logical name; a clone without user data of ours has none. */
export function hostKeysIn(resources: readonly StateResource[]): Record<string, string> {
  const keys = resources.flatMap((resource): [string, string][] => {
    const found = vmPart(resourceName(resource.urn));
    const { publicKey } = outputsOf(resource);
    const is = resource.type === hostKeyType && found?.part === "host-key";
    return is && typeof publicKey === "string" ? [[found.key, publicKey]] : [];
  });
  return Object.fromEntries(keys);
}

function outputsOf(resource: StateResource | undefined): Record<string, unknown> {
  return (resource?.outputs ?? {}) as Record<string, unknown>;
}
