/**
 * What keeps a VM that took the id of one of a pool's.
 */
import { z } from "zod";
import { ownerName, plainName } from "../../lib/text.ts";
import { exampleOwner } from "../examples.ts";
import { declareKind, type InputsOf } from "../kind.ts";

export const poolGuardKind = declareKind({
  type: "holdfast:proxmox:PoolGuard",
  description:
    "Keeps VMs that took an id of the pool's: deleting this resource, which comes before its VMs, fails then.",
  inputs: z.strictObject({
    owner: ownerName.describe("Owner mark of the pool."),
    vms: z
      .array(
        z.strictObject({
          key: plainName.describe("Logical name."),
          name: plainName.describe("Physical name."),
          vmId: z.int().min(1).describe("Proxmox VE's id."),
        }),
      )
      .describe("The pool's VMs."),
  }),
  example: { owner: exampleOwner, vms: [{ key: "app-01", name: "dev-app-01", vmId: 100 }] },
});

/** Inputs of a pool's guard. */
export type PoolGuardInputs = InputsOf<typeof poolGuardKind>;
