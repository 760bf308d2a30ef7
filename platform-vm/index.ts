/**
 * A pool of VMs: reads configuration, site and templates, guards what stands, makes the VMs, waits until they can be worked
 * on, exports `vms@1`.
 */
import * as proxmox from "@pulumi/proxmoxve";
import * as pulumi from "@pulumi/pulumi";
import { ConfigError, loadConfig } from "../components/config/strict.ts";
import { consume, produce } from "../components/contracts/contract.ts";
import { siteContract } from "../components/contracts/site.ts";
import { templatesContract } from "../components/contracts/templates.ts";
import { type Vms, vmsContract } from "../components/contracts/vms.ts";
import { PoolGuard, poolPreflight } from "../components/plugin/proxmox.ts";
import { HoldfastProvider, Readiness } from "../components/plugin/resources.ts";
import { shrinks, standing } from "../components/pool/checkpoint.ts";
import { ProxmoxVm } from "../components/pool/proxmox-vm.ts";
import { componentName } from "../components/pool/state-names.ts";
import { judgeVmSet } from "../components/pool/vm-set.ts";
import { ProgramError } from "../components/program-error.ts";
import { operatorPublicKey } from "../components/ssh/operator-key.ts";
import { platformVmConfig } from "./config.ts";
import { planPool } from "./plan.ts";
import { planPreflight } from "./preflight.ts";
import { chooseTemplates } from "./templates.ts";

const config = loadConfig(platformVmConfig);
const site = await consume(siteContract, { stack: config["site.stack"], file: config["site.file"] });
const place = { project: pulumi.getProject(), stack: pulumi.getStack() };
const plan = planPool(config, site, place, process.env.HYOPS_ENV);
const stack = `${place.project}/${place.stack}`;

const now = await standing();
const verdict = judgeVmSet(
  stack,
  now.map(({ key }) => key),
  plan.vms.map(({ key }) => key),
  plan.permission,
);
if (!verdict.allowed) throw new ProgramError(verdict.message);
if (verdict.warning) await pulumi.log.warn(verdict.warning);
if (verdict.added.length > 0) await pulumi.log.info(`VMs that come to those that stand: ${verdict.added.join(", ")}`);
const smaller = shrinks(now, plan.vms);
if (smaller.length > 0) throw new ConfigError(place.project, place.stack, smaller);

const published =
  plan.templateStack === undefined ? undefined : await consume(templatesContract, { stack: plan.templateStack });
const chosen = chooseTemplates(plan, config, published?.templates, place);
const keys = config.ssh_keys.length > 0 ? config.ssh_keys : [operatorPublicKey()];

const token = pulumi.secret(config["proxmox.token"]);
const insecure = config["proxmox.insecure"] === "true";
const holdfast = new HoldfastProvider("holdfast", {
  proxmoxEndpoint: plan.endpoint,
  proxmoxToken: token,
  proxmoxInsecure: insecure,
});
await poolPreflight(planPreflight(plan, chosen, now, { stack, reference: config.template_state_ref }), {
  provider: holdfast,
});
// The SDK notes the stack of every resource, and maps it by a library that takes 7 ms for each; Node, which tsx has told where
// the sources are, does it in a fraction of that.
Reflect.deleteProperty(Error, "prepareStackTrace");
const provider = new proxmox.Provider("proxmox", { endpoint: plan.endpoint, apiToken: token, insecure });
const vms = plan.vms.map((vm) => {
  const { key, name, role: _, templateKey: __, nodeName: ___, ...rest } = vm;
  const { template, node } = chosen[key] as (typeof chosen)[string];
  const made = new ProxmoxVm(
    componentName(key),
    {
      ...rest,
      vmName: name,
      owner: plan.owner,
      template,
      nodeName: node,
      cpuType: config.cpu_type,
      agent: config.guest_agent_enabled === "true",
      dns: { domain: config.dns_domain, servers: config.dns_servers },
      user: { name: config.ssh_username, keys },
    },
    provider,
  );
  return { key, name, made };
});

new PoolGuard(
  "guard",
  { owner: plan.owner, vms: vms.map(({ key, name, made }) => ({ key, name, vmId: made.vmId })) },
  { provider: holdfast },
);

const { readiness } = plan;
const gate = readiness.enabled
  ? new Readiness(
      "readiness",
      {
        stack,
        required: readiness.required,
        targets: vms.map(({ key, made }) => ({
          name: key,
          host: made.address,
          port: readiness.target_port,
          user: readiness.user,
          identity: made.identity,
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
      vms.map(({ key, name, made: { vmId, nodeName: node, address, mac, identity } }) =>
        pulumi
          .all([vmId, node, address, mac, identity])
          .apply(([vmId, node, address, mac, identity]): [string, Vms["vms"][string]] => [
            key,
            { name, vmId, node, address, mac, identity },
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
