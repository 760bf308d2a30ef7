/**
 * What there is around a planned pool.
 */
import type { PlatformVmConfig } from "./config.ts";
import type { DeployedVm, StateResources } from "./deployed.ts";

/** A pool's configuration, stack and state. */
export interface PoolContext {
  config: PlatformVmConfig;
  place: { project: string; stack: string };
  /** What the state has. */
  resources: StateResources;
  /** The VMs among it. */
  deployed: readonly DeployedVm[];
}

/** What provisioning needs in addition. */
export interface ProvisionContext extends PoolContext {
  /** Public keys of the VMs' user. */
  keys: string[];
}
