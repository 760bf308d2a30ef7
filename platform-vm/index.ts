/**
 * A pool of VMs: reads configuration and site, guards what stands, has the placement make the VMs, waits until they can be
 * worked on, exports `vms@1`.
 */
import * as pulumi from "@pulumi/pulumi";
import { loadConfig } from "../lib/config/strict.ts";
import { consume } from "../lib/contracts/contract.ts";
import { netboxContract } from "../lib/contracts/netbox.ts";
import { siteContract } from "../lib/contracts/site.ts";
import { checkpointResources } from "../lib/preflight/recorded.ts";
import { operatorPublicKey } from "../lib/ssh/operator-key.ts";
import { platformVmConfig } from "./config.ts";
import { guardDeployed } from "./guard.ts";
import { deployedVms, placementOf } from "./placements/index.ts";
import { planPool } from "./plan.ts";
import { byKey, readinessGate, vmsOutput } from "./published.ts";
import { recordVms } from "./records.ts";

const config = loadConfig(platformVmConfig);
const site = await consume(siteContract, { stack: config["site.stack"], file: config["site.file"] });
const ipam = config.addressing?.mode === "ipam";
const netbox = ipam ? await consume(netboxContract, { file: config["netbox.file"] }) : undefined;
const place = { project: pulumi.getProject(), stack: pulumi.getStack() };
const plan = planPool(config, site, place, process.env.HYOPS_ENV, netbox);

const resources = await checkpointResources();
const context = { config, place, resources, deployed: deployedVms(resources) };
await guardDeployed(plan, context);

const keys = config.ssh_keys.length > 0 ? config.ssh_keys : [operatorPublicKey()];
const placement = placementOf(plan);
const { provision } = await placement.provisioner();
const planned = await placement.resolve(plan, { ...context, read: (contract, stack) => consume(contract, { stack }) });
const pool = await provision(plan, planned, { ...context, keys });

recordVms(plan, pool);
const gate = readinessGate(plan, pool, `${place.project}/${place.stack}`);

/** The pool, for the stacks that work on its VMs. */
export const vms = vmsOutput(plan, pool, gate);
/** Ids on the hypervisor by logical name. */
export const vm_ids = byKey(vms, ({ vmId }) => vmId);
/** Logical names. */
export const vm_keys = plan.vms.map(({ key }) => key);
/** Physical names. */
export const vm_names = plan.vms.map(({ name }) => name);
export const ipv4_addresses = byKey(vms, ({ address }) => address);
export const mac_addresses_primary = byKey(vms, ({ mac }) => mac);
export const status = vms.apply((contract) => contract.status);
export const evidence_dir = vms.apply((contract) => contract.evidenceDir);
export const run_id = vms.apply((contract) => contract.runId);
