/**
 * Bindings of the plugin's resources for NetBox.
 */
import * as pulumi from "@pulumi/pulumi";
import type { IpIdentity } from "../../lib/netbox/identity.ts";

/** Inputs of a reservation. */
export interface IpReservationArgs {
  /** Whose the address is. */
  identity: IpIdentity;
  /** Owner mark of the stack. */
  owner: string;
  /** What addresses are given out of: never gateway, network, broadcast or DHCP range. */
  pool: {
    /** For example `10.60.0.0/24`. */
    subnet: string;
    /** First and last address, both included. */
    from: string;
    to: string;
  };
  /** With prefix length: this one and no other, which has to be reserved for this identity already. */
  address?: string | undefined;
  /** Name of the VM in DNS. */
  dnsName?: string | undefined;
  /** Whether a destroy gives the address back, into quarantine. Default: it stays reserved. */
  releaseOnDelete?: boolean | undefined;
  /** Seconds in quarantine before somebody else may have it. Default 3600. */
  quarantineSeconds?: number | undefined;
}

/** An address in NetBox, the same one for the same identity. */
export class IpReservation extends pulumi.CustomResource {
  /** With prefix length, for example `10.60.0.5/24`. */
  declare readonly address: pulumi.Output<string>;
  /** Its id in NetBox. */
  declare readonly addressId: pulumi.Output<number>;
  /** How it came about: `reused`, `allocated`, `restored` (the one that it had before) or `adopted` (the answer was lost). */
  declare readonly outcome: pulumi.Output<"reused" | "allocated" | "restored" | "adopted">;

  constructor(name: string, args: IpReservationArgs, opts: pulumi.CustomResourceOptions) {
    const computed = { address: args.address, addressId: undefined, outcome: undefined };
    super("holdfast:netbox:IpReservation", name, { ...args, ...computed }, opts);
  }
}

/** A card of a VM's record. */
export interface RecordedNic {
  /** `net0`, `net1`. */
  name: string;
  mac: pulumi.Input<string>;
  /** Id in NetBox of the address that this card has. */
  addressId?: pulumi.Input<number> | undefined;
}

/** Inputs of a VM's record. */
export interface VirtualMachineRecordArgs {
  /** Owner mark of the stack. */
  owner: string;
  /** Logical name. */
  key: string;
  /** Physical name. */
  name: string;
  /** `<placement>:<where>:<id>`, for example `proxmox:home:104`. */
  externalId: pulumi.Input<string>;
  /** Cluster of the record, made where there is none: its name, and the name of its type. */
  cluster: { name: string; type: string };
  /** What the VM is for. */
  role: string;
  /** Whether the VM starts with its host. */
  startOnBoot: boolean;
  /** As the VM really has them. */
  vcpus: pulumi.Input<number>;
  memoryMb: pulumi.Input<number>;
  disks: pulumi.Input<pulumi.Input<{ name: string; sizeMb: pulumi.Input<number> }>[]>;
  /** Come in addition to those that the record has. */
  tags: string[];
  /** The first one with an address has the primary one. */
  cards: pulumi.Input<RecordedNic>[];
}

/** A VM's record in NetBox; destroying it retires the record. */
export class VirtualMachineRecord extends pulumi.CustomResource {
  /** Its id in NetBox. */
  declare readonly recordId: pulumi.Output<number>;

  constructor(name: string, args: VirtualMachineRecordArgs, opts: pulumi.CustomResourceOptions) {
    super("holdfast:netbox:VirtualMachineRecord", name, { ...args, recordId: undefined }, opts);
  }
}
