/**
 * What a pool's state has: the VMs that stand, whatever came of the last run. Each placement reads its own.
 */
import type { VmId } from "../lib/contracts/vms.ts";
import type { RecordedResource } from "../lib/preflight/recorded.ts";
import type { PlacementName } from "./placements/keys.ts";

/** The resources of a state, by URN. */
export type StateResources = Readonly<Record<string, RecordedResource>>;

/** A VM as the state has it. */
export interface DeployedVm {
  placement: PlacementName;
  /** Logical name. */
  key: string;
  /** Physical name; empty where it is not known. */
  name: string;
  /** GiB of the root disk; 0 where it is not known. */
  diskGb: number;
  /** Absent where it is not known, as that of a VM on libvirt in a program. */
  vmId?: VmId;
  /** Where it stands, as `vms@1` has it; absent where it is not known. */
  node?: string;
  /** Whether the platform refuses to delete it. */
  protected?: boolean;
}

/** A resource's name in its URN. */
export function resourceName(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

/** A value of a state that ought to be text; anything else is empty. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
