/**
 * What a placement makes of a pool: the same for every one, so that gate, records and contract need not know which it was.
 */
import type * as pulumi from "@pulumi/pulumi";
import type { VmId } from "../lib/contracts/vms.ts";
import type { virtualMachineRecordKind } from "../resources/netbox/virtual-machine-record.ts";
import type { HoldfastProvider, ResourceArgs } from "../resources/sdk.ts";
import type { PlannedVm } from "./planned.ts";

/** A VM that was made. */
export interface ProvisionedVm {
  /** As it was planned. */
  planned: PlannedVm;
  vmId: pulumi.Output<VmId>;
  /** Where it stands: a node, or the address of a host. */
  node: pulumi.Input<string>;
  /** IPv4, without prefix length; empty where it is not known. */
  address: pulumi.Input<string>;
  /** Of the first NIC. */
  mac: pulumi.Input<string>;
  /** Digest of what makes it this machine and no other. */
  identity: pulumi.Output<string>;
  /** Public SSH host key, where we made it. */
  hostKey?: pulumi.Output<string>;
  /** As it really has it. */
  hardware: Pick<ResourceArgs<typeof virtualMachineRecordKind>, "vcpus" | "memoryMb" | "disks" | "cards">;
}

/** A pool that was made, and the plugin's provider for what comes behind it. */
export interface ProvisionedPool {
  vms: ProvisionedVm[];
  holdfast: HoldfastProvider;
}
