/**
 * The placements: where a pool's VMs may stand. One that is missing here, or that lacks something, does not compile.
 */
import type { DeployedVm, StateResources } from "../deployed.ts";
import type { PlannedPool } from "../planned.ts";
import type { PlacementName } from "./keys.ts";
import { libvirt } from "./libvirt/index.ts";
import type { Placement, PlacementList } from "./placement.ts";
import { proxmox } from "./proxmox/index.ts";

/** By name, each with its own types. */
export const placements = { proxmox, libvirt } satisfies PlacementList<PlacementName>;

type Placements = typeof placements;

/** A pool, decided, on one placement. */
export type PlanOn<Name extends PlacementName> = PlannedPool & ReturnType<Placements[Name]["plan"]>;

/** A VM of it, with what other stacks decide about it. */
export type VmOn<Name extends PlacementName> = Awaited<ReturnType<Placements[Name]["resolve"]>>[number];

/** What its preflight is asked to look at. */
export type WantedOn<Name extends PlacementName> = ReturnType<Placements[Name]["preflight"]>;

/** A pool, decided. */
export type PoolPlan = { [Name in PlacementName]: PlanOn<Name> }[PlacementName];

/** Any of them: each is given what came of its own `plan` and `resolve`, and nothing else. */
type AnyPlacement = Placement<
  ReturnType<Placements[PlacementName]["plan"]>,
  VmOn<PlacementName>,
  WantedOn<PlacementName>
>;

/** The placement of a plan. */
export function placementOf({ placement }: Pick<PoolPlan, "placement">): AnyPlacement {
  return placements[placement];
}

/** The VMs of a state, on whichever placement. */
export function deployedVms(resources: StateResources): DeployedVm[] {
  const all: readonly Placement[] = Object.values(placements);
  return all.flatMap((placement) => placement.deployed(resources));
}
