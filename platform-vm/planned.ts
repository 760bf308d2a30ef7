/**
 * A pool and its VMs, decided: what a plan has wherever its VMs stand. Each placement adds its own.
 */
import type { ReadinessSettings, VmInput } from "../components/pool/inputs.ts";
import type { ReplacePermission } from "../components/pool/vm-set.ts";
import type { IpIdentity } from "../lib/netbox/identity.ts";
import type { StaticPool } from "../lib/netbox/static-pool.ts";
import type { SshTarget } from "../lib/ssh/dial.ts";

/** An address that is to be reserved. */
export interface PlannedReservation {
  identity: IpIdentity;
  /** What NetBox may give out. */
  pool: StaticPool;
  /** With prefix length: this one, which has to be reserved already. */
  address?: string;
}

/** The authority over a pool's addresses. */
export interface PlannedIpam {
  url: string;
  /** Ways to it where it does not answer directly. */
  jumps: SshTarget[];
  /** Cluster of the VMs' records. */
  cluster: string;
  releaseOnDelete: boolean;
  quarantineSeconds: number;
}

/** A network interface, its bridge resolved. */
export interface PlannedNic {
  bridge: string;
  vlanId?: number;
  macAddress?: string;
  /** With prefix length, or `dhcp`; absent: no address of ours, or one that is reserved. */
  address?: string;
  gateway?: string;
  /** Under IPAM: what is reserved for it. */
  reservation?: PlannedReservation;
}

/** A VM, decided. */
export interface PlannedVm {
  /** Logical name. */
  key: string;
  /** Physical name. */
  name: string;
  role: string;
  cpuCores: number;
  /** MiB. */
  memoryMb: number;
  /** GiB of the root disk. */
  diskGb: number;
  nics: PlannedNic[];
  /** Lower case, sorted, each once. */
  tags: string[];
  onBoot: boolean;
  protect: boolean;
}

/** A VM that its placement has not looked at yet, with what the stack file says of it. */
export interface RequestedVm extends PlannedVm {
  input: VmInput;
}

/** What a pool's plan has wherever its VMs stand. */
export interface PlannedPool {
  owner: string;
  env: string;
  permission: ReplacePermission;
  readiness: ReadinessSettings & { user: string };
  jump?: SshTarget;
  bastion?: SshTarget;
  /** The authority over its addresses; absent: they are static. */
  ipam?: PlannedIpam;
}
