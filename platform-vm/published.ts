/**
 * What a pool shows of its VMs once they are made: the readiness gate, and the contract `vms@1` behind it.
 */
import * as pulumi from "@pulumi/pulumi";
import { produce } from "../lib/contracts/contract.ts";
import { type Vms, vmsContract } from "../lib/contracts/vms.ts";
import { Resource } from "../resources/sdk.ts";
import { readinessKind } from "../resources/ssh/readiness.ts";
import type { PlannedPool } from "./planned.ts";
import type { ProvisionedPool, ProvisionedVm } from "./provisioned.ts";

/** The gate, which says how it was passed. */
type ReadinessGate = Resource<typeof readinessKind>;

/**
 * Waits until the VMs can be worked on.
 * @param stack `<project>/<stack>`.
 * @returns nothing where the configuration wants no gate.
 */
export function readinessGate(
  { readiness, jump, bastion }: PlannedPool,
  { vms, holdfast }: ProvisionedPool,
  stack: string,
): ReadinessGate | undefined {
  if (!readiness.enabled) return undefined;
  return new Resource(
    readinessKind,
    "readiness",
    {
      stack,
      required: readiness.required,
      targets: vms.map(({ planned, address, identity, hostKey }) => ({
        name: planned.key,
        host: address,
        port: readiness.target_port,
        user: readiness.user,
        identity,
        ...(hostKey === undefined ? {} : { hostKey }),
      })),
      jump,
      bastion,
      timeoutSeconds: readiness.connectivity_timeout_s,
      waitSeconds: readiness.connectivity_wait_s,
    },
    { provider: holdfast, customTimeouts: { create: "60m", update: "60m" } },
  );
}

/** The pool, for the stacks that work on its VMs. */
export function vmsOutput(
  { env }: Pick<PlannedPool, "env">,
  { vms }: ProvisionedPool,
  gate: ReadinessGate | undefined,
): pulumi.Output<Vms> {
  return pulumi
    .all([
      pulumi.all(vms.map(publishedVm)),
      gate?.status ?? pulumi.output("skipped" as const),
      gate?.evidenceDir ?? "",
      gate?.runId ?? "",
    ])
    .apply(([facts, status, evidenceDir, runId]) =>
      produce(vmsContract, {
        contract: "vms@1",
        env,
        vms: Object.fromEntries(facts),
        status,
        evidenceDir,
        runId,
      }),
    );
}

function publishedVm({ planned, vmId, node, address, mac, identity, hostKey }: ProvisionedVm) {
  const { key, name } = planned;
  return pulumi
    .all([vmId, node, address, mac, identity, hostKey ?? ""])
    .apply(([vmId, node, address, mac, identity, hostKey]): [string, Vms["vms"][string]] => [
      key,
      { name, vmId, node, address, mac, identity, ...(hostKey === "" ? {} : { hostKey }) },
    ]);
}

/** One fact of every VM, by logical name. */
export function byKey<T>(contract: pulumi.Output<Vms>, pick: (vm: Vms["vms"][string]) => T) {
  return contract.apply(({ vms }) =>
    Object.fromEntries(Object.entries(vms).map(([key, vm]): [string, T] => [key, pick(vm)])),
  );
}
