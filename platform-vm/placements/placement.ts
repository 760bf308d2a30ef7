/**
 * What a placement is: a kind of platform that a pool's VMs stand on. The program and the commands know no more of one than
 * this; index.ts lists them.
 */

import type { z } from "zod";
import type { ReportProblem } from "../../lib/config/strict.ts";
import type { Contract } from "../../lib/contracts/contract.ts";
import type { Site } from "../../lib/contracts/site.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import type { PlatformVmConfig } from "../config.ts";
import type { PoolContext, ProvisionContext } from "../context.ts";
import type { DeployedVm, StateResources } from "../deployed.ts";
import type { PlannedPool, PlannedVm, RequestedVm } from "../planned.ts";
import type { ProvisionedPool } from "../provisioned.ts";
import type { Refusals } from "../refused.ts";

/** What a plan has on one placement alone. */
export interface PlanPart<Name extends string = string> {
  placement: Name;
  vms: PlannedVm[];
}

/** A pool, as far as every pool is decided. */
export interface PoolRequest {
  config: PlatformVmConfig;
  vms: readonly RequestedVm[];
  site: Site | undefined;
  env: string;
  /** `<project>/<stack>`. */
  stack: string;
}

/** Reads a contract that another stack exports. */
export type ReadContract = <S extends z.ZodType>(
  contract: Contract<S>,
  stack: string,
) => Promise<z.output<S> | undefined>;

/**
 * A placement.
 * @typeParam Part what a plan has here alone.
 * @typeParam Vm a VM with everything that other stacks decide about it.
 * @typeParam Wanted what its preflight is asked to look at.
 */
export interface Placement<Part extends PlanPart = PlanPart, Vm extends PlannedVm = PlannedVm, Wanted = unknown> {
  /** Name of the platform: the type of the VMs' cluster in NetBox. */
  readonly title: string;
  /** What holds once `resolve` succeeds, as a check says it; undefined where nothing is to be resolved. */
  readonly resolves: string | undefined;

  /** A host of its own that leads to its VMs and to NetBox where nothing else does; undefined where it has none. */
  bastion(config: PlatformVmConfig, site: Site | undefined): Pick<SshTarget, "host" | "port" | "hostKey"> | undefined;

  /**
   * Decides what is decided here alone. Pure.
   * @param report told everything that does not fit together, also what it does not have.
   */
  plan(request: PoolRequest, report: ReportProblem): Part;

  /** Its VMs in a state. Pure. */
  deployed(resources: StateResources): DeployedVm[];

  /**
   * Changes that it does not make to what stands, or that would take something away. Pure.
   * @param deployed VMs of other placements among them: that those do not move is refused already.
   * @param stack name of the stack, for the command that makes the VMs anew.
   */
  refuse(deployed: readonly DeployedVm[], plan: PlannedPool & Part, stack: string): Refusals;

  /**
   * The VMs with what other stacks decide about them.
   * @throws ConfigError with everything that is not to be had, for all VMs.
   */
  resolve(plan: PlannedPool & Part, context: PoolContext & { read: ReadContract }): Promise<Vm[]>;

  /** What is to be looked at before anything is changed. Pure. */
  preflight(plan: PlannedPool & Part, vms: readonly Vm[], context: PoolContext): Wanted;

  /** Loads what makes the VMs. Its SDK is read for no other placement: that takes longer than the rest of a preview. */
  provisioner(): Promise<{
    /** @throws before anything is made, where platform or workstation are not as the pool needs them. */
    provision(plan: PlannedPool & Part, vms: readonly Vm[], context: ProvisionContext): Promise<ProvisionedPool>;
  }>;
}

/** One placement for each name: a list that lacks one, or one that lacks something, is no such list. */
export type PlacementList<Name extends string> = { readonly [One in Name]: Placement<PlanPart<One>> };
