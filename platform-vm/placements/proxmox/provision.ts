/**
 * Makes a pool's VMs on Proxmox VE: templates, preflight, clones, and the guard over their ids.
 */
import * as proxmox from "@pulumi/proxmoxve";
import * as pulumi from "@pulumi/pulumi";
import { ProxmoxVm, type SnippetPlace } from "../../../components/pool/proxmox-vm.ts";
import { componentName } from "../../../components/pool/state-names.ts";
import { poolGuardKind } from "../../../resources/proxmox/pool-guard.ts";
import { poolPreflightFunction } from "../../../resources/proxmox/pool-preflight.ts";
import { call, HoldfastProvider, Resource } from "../../../resources/sdk.ts";
import { type AddressedNic, addressedNics, netboxProviderArgs } from "../../addresses.ts";
import type { ProvisionContext } from "../../context.ts";
import type { PlannedPool } from "../../planned.ts";
import type { ProvisionedPool, ProvisionedVm } from "../../provisioned.ts";
import type { ProxmoxPart } from "./plan.ts";
import { planPreflight } from "./preflight.ts";
import { olderClones, type PlacedProxmoxVm } from "./templates.ts";

type ProxmoxPlan = PlannedPool & ProxmoxPart;

/** @throws before anything is made, where the cluster is not as the pool needs it. */
export async function provision(
  plan: ProxmoxPlan,
  vms: readonly PlacedProxmoxVm[],
  context: ProvisionContext,
): Promise<ProvisionedPool> {
  const { config, place, deployed } = context;
  const older = olderClones(deployed, vms, place.stack);
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
  const { snippetsDirectory } = await call(poolPreflightFunction, planPreflight(plan, vms, context), {
    provider: holdfast,
  });
  // The SDK notes the stack of every resource, and maps it by a library that takes 7 ms for each; Node, which tsx has told
  // where the sources are, does it in a fraction of that.
  Reflect.deleteProperty(Error, "prepareStackTrace");
  const proxmoxve = new proxmox.Provider("proxmox", { endpoint: plan.endpoint, apiToken: token, insecure });
  const made = vms.map((vm) => {
    const snippets =
      plan.snippets && snippetsDirectory !== undefined
        ? { key: vm.key, ...plan.snippets, directory: snippetsDirectory }
        : undefined;
    return provisionedVm(vm, plan, context, { providers: { proxmoxve, holdfast }, snippets });
  });
  new Resource(
    poolGuardKind,
    "guard",
    { owner: plan.owner, vms: made.map(({ planned: { key, name }, vmId }) => ({ key, name, vmId })) },
    { provider: holdfast },
  );
  return { vms: made, holdfast };
}

/** What making one VM needs beside the pool's plan. */
interface VmMeans {
  providers: { proxmoxve: proxmox.Provider; holdfast: HoldfastProvider };
  snippets: SnippetPlace | undefined;
}

function provisionedVm(
  planned: PlacedProxmoxVm,
  plan: ProxmoxPlan,
  { config, keys }: ProvisionContext,
  { providers, snippets }: VmMeans,
): ProvisionedVm & { vmId: pulumi.Output<number> } {
  const { key, name: vmName, node: nodeName, template, vmId: wantedId, datastoreId, startupOrder } = planned;
  const { cpuCores, memoryMb, diskGb, tags, onBoot, protect } = planned;
  const nics = addressedNics(planned, plan, config.dns_domain, providers.holdfast);
  const vm = new ProxmoxVm(
    componentName(key),
    {
      ...{ vmName, owner: plan.owner, nodeName, template, datastoreId, nics },
      ...{ cpuCores, memoryMb, diskGb, tags, onBoot, protect },
      ...(wantedId === undefined ? {} : { vmId: wantedId }),
      ...(startupOrder === undefined ? {} : { startupOrder }),
      cpuType: config.cpu_type,
      agent: config.guest_agent_enabled === "true",
      dns: { domain: config.dns_domain, servers: config.dns_servers },
      user: { name: config.ssh_username, keys },
      ...(snippets ? { snippets } : {}),
    },
    { providers },
  );
  const { vmId, nodeName: node, address, mac, identity, hostKey } = vm;
  const hardware = hardwareOf(vm, nics);
  return { planned, vmId, node, address, mac, identity, hardware, ...(hostKey && { hostKey }) };
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
