/**
 * Reserves what the plan leaves to IPAM, and hands every NIC on with its address, planned or reserved.
 */
import type * as pulumi from "@pulumi/pulumi";
import { componentName } from "../components/pool/state-names.ts";
import { ipReservationKind } from "../resources/netbox/ip-reservation.ts";
import { type HoldfastProvider, type HoldfastProviderArgs, Resource } from "../resources/sdk.ts";
import type { PlatformVmConfig } from "./config.ts";
import type { PlannedNic, PlannedPool, PlannedVm } from "./planned.ts";

/** A NIC with its address. */
export interface AddressedNic extends Omit<PlannedNic, "address" | "reservation"> {
  /** With prefix length, or `dhcp`; absent: no address of ours. */
  address?: pulumi.Input<string>;
  /** Id in NetBox of an address that is reserved. */
  addressId?: pulumi.Output<number>;
}

/** What the plugin's provider has to know of NetBox; nothing without IPAM. */
export function netboxProviderArgs({ ipam }: PlannedPool, config: PlatformVmConfig): HoldfastProviderArgs {
  // The plan has seen that there is a token.
  return ipam ? { netboxUrl: ipam.url, netboxToken: config["netbox.token"] ?? "", netboxJumps: ipam.jumps } : {};
}

/** The NICs of a VM. What they reserve stands beside the VM, not in it: it outlives it. */
export function addressedNics(
  { key, name, nics }: PlannedVm,
  { owner, ipam }: Pick<PlannedPool, "owner" | "ipam">,
  domain: string,
  holdfast: HoldfastProvider,
): AddressedNic[] {
  return nics.map(({ reservation, ...nic }) => {
    if (!reservation || !ipam) return nic;
    const { identity, pool: addressPool, address } = reservation;
    const { subnet, from, to } = addressPool;
    const { address: reserved, addressId } = new Resource(
      ipReservationKind,
      `${componentName(key)}-ip-${identity.nic}`,
      {
        ...{ identity, owner, pool: { subnet, from, to } },
        ...(address === undefined ? {} : { address }),
        dnsName: `${name}.${domain}`,
        releaseOnDelete: ipam.releaseOnDelete,
        quarantineSeconds: ipam.quarantineSeconds,
      },
      { provider: holdfast },
    );
    return { ...nic, address: reserved, addressId };
  });
}
