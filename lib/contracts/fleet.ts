/**
 * `fleet@1`: a runner as its host's stack made it. No credentials in it.
 */
import { z } from "zod";
import type { Contract } from "./contract.ts";

const fleet = z.strictObject({
  contract: z.literal("fleet@1"),
  /** Hypervisor that the runner's VM stands on. */
  host: z.string().min(1),
  /** Address of the VM. */
  address: z.string().min(1),
  runner: z.strictObject({
    /** The forge's id of the runner. */
    uuid: z.string().min(1),
    name: z.string().min(1),
    /** What jobs ask for with `runs-on`; where they run is the runner's own business. */
    labels: z.array(z.string().min(1)).min(1),
    forgeUrl: z.string().min(1),
  }),
  /** `active`: takes jobs. `standby`: stopped until its primary is down. */
  mode: z.enum(["active", "standby"]),
});

/** A fleet member as the contract carries it. */
export type Fleet = z.infer<typeof fleet>;

export const fleetContract: Contract<typeof fleet> = {
  version: "fleet@1",
  output: "fleet",
  producer: "runners",
  schema: fleet,
};
