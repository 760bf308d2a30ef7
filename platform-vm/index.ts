/**
 * A pool of VMs: reads configuration and site, guards what stands, has the placement make the VMs, waits until they can be
 * worked on, exports `vms@1`.
 */
import * as pulumi from "@pulumi/pulumi";
import { deployed } from "../components/pool/checkpoint.ts";
import { judgeVmSet } from "../components/pool/vm-set.ts";
import { ConfigError, loadConfig } from "../lib/config/strict.ts";
import { consume, produce } from "../lib/contracts/contract.ts";
import { netboxContract } from "../lib/contracts/netbox.ts";
import { siteContract } from "../lib/contracts/site.ts";
import { type Vms, vmsContract } from "../lib/contracts/vms.ts";
import { ProgramError } from "../lib/program-error.ts";
import { operatorPublicKey } from "../lib/ssh/operator-key.ts";
import { Resource } from "../resources/sdk.ts";
import { readinessKind } from "../resources/ssh/readiness.ts";
import { platformVmConfig } from "./config.ts";
import { planPool } from "./plan.ts";
import { recordVms } from "./records.ts";
import { refusals } from "./refusals.ts";

const config = loadConfig(platformVmConfig);
const site = await consume(siteContract, { stack: config["site.stack"], file: config["site.file"] });
const place = { project: pulumi.getProject(), stack: pulumi.getStack() };
const ipam = config.addressing?.mode === "ipam";
const netbox = ipam ? await consume(netboxContract, { file: config["netbox.file"] }) : undefined;
const plan = planPool(config, site, place, process.env.HYOPS_ENV, netbox);
const stack = `${place.project}/${place.stack}`;

const now = await deployed();
const verdict = judgeVmSet(
  stack,
  now.map(({ key }) => key),
  plan.vms.map(({ key }) => key),
  plan.permission,
);
if (!verdict.allowed) throw new ProgramError(verdict.message);
if (verdict.warning) await pulumi.log.warn(verdict.warning);
if (verdict.added.length > 0) await pulumi.log.info(`VMs that come to those that stand: ${verdict.added.join(", ")}`);
const { always, rebuildOnly } = refusals(now, plan, place.stack);
const refused = [...always, ...rebuildOnly];
if (refused.length > 0) throw new ConfigError(place.project, place.stack, refused);

const keys = config.ssh_keys.length > 0 ? config.ssh_keys : [operatorPublicKey()];
const making = { config, place, deployed: now, keys };
// The other placement's SDK is not even read: that takes longer than the rest of a preview.
const { vms, holdfast } =
  plan.placement === "libvirt"
    ? await (await import("./on-libvirt.ts")).makePool(plan, making)
    : await (await import("./on-proxmox.ts")).makePool(plan, making);

recordVms(plan, vms, holdfast);
const { readiness } = plan;
const gate = readiness.enabled
  ? new Resource(
      readinessKind,
      "readiness",
      {
        stack,
        required: readiness.required,
        targets: vms.map(({ key, address, identity, hostKey }) => ({
          name: key,
          host: address,
          port: readiness.target_port,
          user: readiness.user,
          identity,
          ...(hostKey === undefined ? {} : { hostKey }),
        })),
        jump: plan.jump,
        bastion: plan.bastion,
        timeoutSeconds: readiness.connectivity_timeout_s,
        waitSeconds: readiness.connectivity_wait_s,
      },
      { provider: holdfast, customTimeouts: { create: "60m", update: "60m" } },
    )
  : undefined;

/** The pool, for the stacks that work on its VMs. */
const contract: pulumi.Output<Vms> = pulumi
  .all([
    pulumi.all(
      vms.map(({ key, name, vmId, node, address, mac, identity, hostKey }) =>
        pulumi
          .all([vmId, node, address, mac, identity, hostKey ?? ""])
          .apply(([vmId, node, address, mac, identity, hostKey]): [string, Vms["vms"][string]] => [
            key,
            { name, vmId, node, address, mac, identity, ...(hostKey === "" ? {} : { hostKey }) },
          ]),
      ),
    ),
    gate?.status ?? pulumi.output("skipped" as const),
    gate?.evidenceDir ?? "",
    gate?.runId ?? "",
  ])
  .apply(([facts, status, evidenceDir, runId]) =>
    produce(vmsContract, {
      contract: "vms@1",
      env: plan.env,
      vms: Object.fromEntries(facts),
      status,
      evidenceDir,
      runId,
    }),
  );

export { contract as vms };

/** Ids on the hypervisor by logical name. */
export const vm_ids = contract.apply(({ vms }) => mapped(vms, ({ vmId }) => vmId));
/** Logical names. */
export const vm_keys = plan.vms.map(({ key }) => key);
/** Physical names. */
export const vm_names = plan.vms.map(({ name }) => name);
export const ipv4_addresses = contract.apply(({ vms }) => mapped(vms, ({ address }) => address));
export const mac_addresses_primary = contract.apply(({ vms }) => mapped(vms, ({ mac }) => mac));
export const status = contract.apply((value) => value.status);
export const evidence_dir = contract.apply((value) => value.evidenceDir);
export const run_id = contract.apply((value) => value.runId);

function mapped<T>(vms: Vms["vms"], pick: (vm: Vms["vms"][string]) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(vms).map(([key, vm]) => [key, pick(vm)]));
}
