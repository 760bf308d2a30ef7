/**
 * A change of a pool that is refused before anything is touched.
 */

/** A change that is refused, and the configuration key that asks for it. */
export interface Refused {
  key: string;
  reason: string;
}

/** What is refused. */
export interface Refusals {
  /** Whatever is done: nothing but another value helps. */
  always: Refused[];
  /** An update would replace what stands by new, empty disks or VMs; a rebuild makes new ones on purpose. */
  rebuildOnly: Refused[];
}

/** What to do about VMs that stand somewhere else than the configuration says. */
export const noVmMoves =
  "VMs do not move: put it back, or use another stack; or remove these first with: pulumi destroy";
