/**
 * Reserves what the plan leaves to IPAM, and hands every card on with its address, planned or reserved.
 */
import type * as pulumi from "@pulumi/pulumi";
import { componentName } from "../components/pool/state-names.ts";
import { ipReservationKind } from "../resources/netbox/ip-reservation.ts";
import { type HoldfastProvider, type HoldfastProviderArgs, Resource } from "../resources/sdk.ts";
import type { PlannedNic, PlannedVm, PlatformVmConfig, PoolPlan } from "./plan.ts";

/** A card with its address. */
export interface AddressedNic extends Omit<PlannedNic, "address" | "reservation"> {
  /** With prefix length, or `dhcp`; absent: no address of ours. */
  address?: pulumi.Input<string>;
  /** Id in NetBox of an address that is reserved. */
  addressId?: pulumi.Output<number>;
}

/** What the plugin's provider has to know of NetBox; nothing without IPAM. */
export function netboxProviderArgs({ ipam }: PoolPlan, config: PlatformVmConfig): HoldfastProviderArgs {
  // The plan has seen that there is a token.
  return ipam ? { netboxUrl: ipam.url, netboxToken: config["netbox.token"] ?? "", netboxJumps: ipam.jumps } : {};
}

/** The cards of a VM. What they reserve stands beside the VM, not in it: it outlives it. */
export function addressedNics(
  { key, name, nics }: PlannedVm,
  { owner, ipam }: Pick<PoolPlan, "owner" | "ipam">,
  domain: string,
  holdfast: HoldfastProvider,
): AddressedNic[] {
  return nics.map(({ reservation, ...nic }) => {
    if (!reservation || !ipam) return nic;
    const { identity, pool, address } = reservation;
    const { subnet, from, to } = pool;
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
