/**
 * Makes a pool's VMs on one libvirt host: preflight, the rule that opens each bridge, and the VMs.
 */
import type * as pulumi from "@pulumi/pulumi";
import { LibvirtPoolVm } from "../../../components/pool/libvirt-pool-vm.ts";
import { componentName } from "../../../components/pool/state-names.ts";
import { imagePath } from "../../../components/vm/image.ts";
import { libvirtProvider } from "../../../components/vm/libvirt-provider.ts";
import { recordedIn } from "../../../lib/preflight/recorded.ts";
import { knownHostKey } from "../../../lib/ssh/first-contact.ts";
import { bridgeForwardKind } from "../../../resources/host/bridge-forward.ts";
import { hostPreflightFunction } from "../../../resources/host/preflight.ts";
import { call, HoldfastProvider, Resource } from "../../../resources/sdk.ts";
import { addressedNics, netboxProviderArgs } from "../../addresses.ts";
import type { ProvisionContext } from "../../context.ts";
import type { PlannedPool } from "../../planned.ts";
import type { ProvisionedPool, ProvisionedVm } from "../../provisioned.ts";
import type { LibvirtPart, LibvirtPlannedVm } from "./plan.ts";
import { planPreflight } from "./preflight.ts";

type LibvirtPlan = PlannedPool & LibvirtPart;

/** @throws before anything is made, where host or workstation are not as the pool needs them. */
export async function provision(
  plan: LibvirtPlan,
  vms: readonly LibvirtPlannedVm[],
  { config, keys, resources }: ProvisionContext,
): Promise<ProvisionedPool> {
  const { host, owner, storagePool: pool, domainType } = plan;
  const known = recordedIn(Object.values(resources));
  const hostKey = await knownHostKey(host, known.hypervisors);
  const holdfast = new HoldfastProvider("holdfast", {
    hypervisors: hostKey && [{ ...host, hostKey }],
    ...netboxProviderArgs(plan, config),
  });
  const { imageNeeded } = await call(hostPreflightFunction, planPreflight(plan, known), { provider: holdfast });
  const rules = openBridges(plan, holdfast);
  const [first] = rules;
  if (!first) throw new Error("a pool has at least one VM, and that a bridge");
  const providers = { libvirt: libvirtProvider("libvirt", host, first), holdfast };
  const image = { path: imagePath(plan.image, imageNeeded), sha256: plan.image.sha256 };
  const dns = { domain: config.dns_domain, servers: config.dns_servers };
  const user = { name: config.ssh_username, keys };
  const made = vms.map((planned): ProvisionedVm => {
    const { key, name: vmName, bridge, mac, gateway, cpuCores, memoryMb, diskGb, onBoot, protect } = planned;
    const [nic] = addressedNics(planned, plan, config.dns_domain, holdfast);
    const vm = new LibvirtPoolVm(
      componentName(key),
      {
        ...{ vmName, owner, node: host.host, pool, domainType, image, dns, user },
        ...{ bridge, gateway, cpuCores, memoryMb, diskGb, onBoot, protect, ...(mac === undefined ? {} : { mac }) },
        // Static or reserved: the plan has seen that there is one.
        cidr: nic?.address ?? "",
      },
      { providers, dependsOn: rules },
    );
    const { vmId, address, mac: macAddress, identity, hostKey } = vm;
    const { addressId } = nic ?? {};
    const hardware = {
      ...{ vcpus: cpuCores, memoryMb, disks: [{ name: "vda", sizeMb: diskGb * 1024 }] },
      cards: [{ name: "net0", mac: macAddress, ...(addressId === undefined ? {} : { addressId }) }],
    };
    return { planned, vmId, node: host.host, address, mac: macAddress, identity, hostKey, hardware };
  });
  return { vms: made, holdfast };
}

/** Lets the VMs' traffic through each of the host's bridges. An owner of such a rule has one bridge. */
function openBridges({ host, owner, vms }: LibvirtPlan, holdfast: HoldfastProvider): pulumi.Resource[] {
  const bridges = [...new Set(vms.map(({ bridge }) => bridge))];
  return bridges.map(
    (bridge) =>
      new Resource(
        bridgeForwardKind,
        `bridge-forward-${bridge}`,
        { host, bridge, owner: `${owner}.${bridge}` },
        { provider: holdfast },
      ),
  );
}
