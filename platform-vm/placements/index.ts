/**
 * The placements: where a pool's VMs may stand. One that has keys and is missing here, or that lacks something, does not compile.
 */
import type { DeployedVm, StateResources } from "../deployed.ts";
import type { PlannedPool } from "../planned.ts";
import type { PlacementName } from "./keys.ts";
import { libvirt } from "./libvirt/index.ts";
import type { Placement, PlacementList } from "./placement.ts";
import { proxmox } from "./proxmox/index.ts";

/** Each with its own types. */
const modules = { proxmox, libvirt } satisfies Partial<PlacementList<PlacementName>>;

type Modules = typeof modules;

/** Names of those that are listed here: all of them, or the list below does not compile. */
export type ListedPlacement = keyof Modules;

/** A pool, decided, on one placement. */
export type PlanOn<Name extends ListedPlacement> = PlannedPool & ReturnType<Modules[Name]["plan"]>;

/** A VM of it, with what other stacks decide about it. */
export type VmOn<Name extends ListedPlacement> = Awaited<ReturnType<Modules[Name]["resolve"]>>[number];

/** What its preflight is asked to look at. */
export type WantedOn<Name extends ListedPlacement> = ReturnType<Modules[Name]["preflight"]>;

/** A pool, decided. */
export type PoolPlan = { [Name in ListedPlacement]: PlanOn<Name> }[ListedPlacement];

/** Any of them: each is given what came of its own `plan` and `resolve`, and nothing else. */
type AnyPlacement = Placement<
  ReturnType<Modules[ListedPlacement]["plan"]>,
  VmOn<ListedPlacement>,
  WantedOn<ListedPlacement>
>;

/** Every placement that a configuration may name. */
export const placements: Readonly<Record<PlacementName, AnyPlacement>> = modules;

/** The placement of a plan. */
export function placementOf({ placement }: Pick<PoolPlan, "placement">): AnyPlacement {
  return placements[placement];
}

/** The VMs of a state, on whichever placement. */
export function deployedVms(resources: StateResources): DeployedVm[] {
  return Object.values(placements).flatMap((placement) => placement.deployed(resources));
}
