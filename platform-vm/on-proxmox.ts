/**
 * Makes a pool's VMs on Proxmox VE: templates, preflight, clones, and the guard over their ids.
 */
import * as proxmox from "@pulumi/proxmoxve";
import * as pulumi from "@pulumi/pulumi";
import { olderClones } from "../components/pool/disks.ts";
import { ProxmoxVm } from "../components/pool/proxmox-vm.ts";
import { componentName } from "../components/pool/state-names.ts";
import { consume } from "../lib/contracts/contract.ts";
import { templatesContract } from "../lib/contracts/templates.ts";
import { poolGuardKind } from "../resources/proxmox/pool-guard.ts";
import { poolPreflightFunction } from "../resources/proxmox/pool-preflight.ts";
import { call, HoldfastProvider, Resource } from "../resources/sdk.ts";
import { type AddressedNic, addressedNics, netboxProviderArgs } from "./addresses.ts";
import type { ProxmoxPlan } from "./plan.ts";
import { planPreflight } from "./preflight-proxmox.ts";
import type { ProvisionContext, ProvisionedPool, ProvisionedVm } from "./provisioned.ts";
import { chooseTemplates } from "./templates.ts";

/** @throws before anything is made, where templates or cluster are not as the pool needs them. */
export async function makePool(
  plan: ProxmoxPlan,
  { config, place, deployed, keys }: ProvisionContext,
): Promise<ProvisionedPool> {
  const stack = `${place.project}/${place.stack}`;
  const published =
    plan.templateStack === undefined ? undefined : await consume(templatesContract, { stack: plan.templateStack });
  const chosen = chooseTemplates(plan, config, published?.templates, place, deployed);
  const templates = Object.fromEntries(Object.entries(chosen).map(([key, { template }]) => [key, template.vmId]));
  const older = olderClones(deployed, templates, place.stack);
  if (older) await pulumi.log.info(older);
  // The plan has seen that there is one.
  const token = pulumi.secret(config["proxmox.token"] ?? "");
  const insecure = config["proxmox.insecure"] === "true";
  const holdfast = new HoldfastProvider("holdfast", {
    proxmoxEndpoint: plan.endpoint,
    proxmoxToken: token,
    proxmoxInsecure: insecure,
    ...netboxProviderArgs(plan, config),
  });
  const { snippetsDirectory: directory } = await call(
    poolPreflightFunction,
    planPreflight(plan, chosen, deployed, { stack, reference: config.template_state_ref }),
    {
      provider: holdfast,
    },
  );
  // The SDK notes the stack of every resource, and maps it by a library that takes 7 ms for each; Node, which tsx has told
  // where the sources are, does it in a fraction of that.
  Reflect.deleteProperty(Error, "prepareStackTrace");
  const proxmoxve = new proxmox.Provider("proxmox", { endpoint: plan.endpoint, apiToken: token, insecure });
  const providers = { proxmoxve, holdfast };
  const vms = plan.vms.map((vm) => {
    const { key, name, role: _, templateKey: __, nodeName: ___, ...rest } = vm;
    const nics = addressedNics(vm, plan, config.dns_domain, holdfast);
    const { template, node } = chosen[key] as (typeof chosen)[string];
    const made = new ProxmoxVm(
      componentName(key),
      {
        ...rest,
        nics,
        vmName: name,
        owner: plan.owner,
        template,
        nodeName: node,
        cpuType: config.cpu_type,
        agent: config.guest_agent_enabled === "true",
        dns: { domain: config.dns_domain, servers: config.dns_servers },
        user: { name: config.ssh_username, keys },
        ...(plan.snippets && directory !== undefined ? { snippets: { key, ...plan.snippets, directory } } : {}),
      },
      { providers },
    );
    return { key, name, nics, made };
  });
  new Resource(
    poolGuardKind,
    "guard",
    { owner: plan.owner, vms: vms.map(({ key, name, made }) => ({ key, name, vmId: made.vmId })) },
    { provider: holdfast },
  );
  return {
    vms: vms.map(({ key, name, nics, made }) => {
      const { vmId, nodeName: node, address, mac, identity, hostKey } = made;
      const hardware = hardwareOf(made, nics);
      return { key, name, vmId, node, address, mac, identity, hardware, ...(hostKey && { hostKey }) };
    }),
    holdfast,
  };
}

function hardwareOf({ hardware }: ProxmoxVm, nics: readonly AddressedNic[]): ProvisionedVm["hardware"] {
  return {
    vcpus: hardware.cores,
    memoryMb: hardware.memoryMb,
    disks: hardware.disks.apply((disks) => disks.map(({ name, sizeGb }) => ({ name, sizeMb: sizeGb * 1024 }))),
    cards: nics.map(({ addressId }, index) => ({
      name: `net${index}`,
      mac: hardware.macs.apply((macs) => macs[index] ?? ""),
      ...(addressId === undefined ? {} : { addressId }),
    })),
  };
}
