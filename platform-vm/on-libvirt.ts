/**
 * Makes a pool's VMs on one libvirt host: preflight, the rule that opens each bridge, and the VMs.
 */
import { LibvirtPoolVm } from "../components/pool/libvirt-pool-vm.ts";
import { componentName } from "../components/pool/state-names.ts";
import { imagePath } from "../components/vm/image.ts";
import { libvirtProvider } from "../components/vm/libvirt-provider.ts";
import { recorded } from "../lib/preflight/recorded.ts";
import { knownHostKey } from "../lib/ssh/first-contact.ts";
import { bridgeForwardKind } from "../resources/host/bridge-forward.ts";
import { hostPreflightFunction } from "../resources/host/preflight.ts";
import { call, HoldfastProvider, Resource } from "../resources/sdk.ts";
import { addressedNics, netboxProviderArgs } from "./addresses.ts";
import type { LibvirtPlan } from "./plan.ts";
import { planPreflight } from "./preflight-libvirt.ts";
import type { ProvisionContext, ProvisionedPool, ProvisionedVm } from "./provisioned.ts";

/** @throws before anything is made, where host or workstation are not as the pool needs them. */
export async function makePool(
  plan: LibvirtPlan,
  { config, keys }: Pick<ProvisionContext, "config" | "keys">,
): Promise<ProvisionedPool> {
  const { host, owner, pool, domainType } = plan;
  const known = await recorded();
  const hostKey = await knownHostKey(host, known.hypervisors);
  const holdfast = new HoldfastProvider("holdfast", {
    hypervisors: hostKey && [{ ...host, hostKey }],
    ...netboxProviderArgs(plan, config),
  });
  const { imageNeeded } = await call(hostPreflightFunction, planPreflight(plan, known), { provider: holdfast });
  const bridges = [...new Set(plan.vms.map(({ bridge }) => bridge))];
  const rules = bridges.map(
    (bridge) =>
      // An owner of the rule has one bridge.
      new Resource(
        bridgeForwardKind,
        `bridge-forward-${bridge}`,
        { host, bridge, owner: `${owner}.${bridge}` },
        { provider: holdfast },
      ),
  );
  const [first] = rules;
  if (!first) throw new Error("a pool has at least one VM, and that a bridge");
  const providers = { libvirt: libvirtProvider("libvirt", host, first), holdfast };
  const image = { path: imagePath(plan.image, imageNeeded), sha256: plan.image.sha256 };
  const dns = { domain: config.dns_domain, servers: config.dns_servers };
  const vms = plan.vms.map((planned): ProvisionedVm => {
    const { key, name, role: _, tags: __, nics: ___, cidr: ____, ...vm } = planned;
    const [nic] = addressedNics(planned, plan, config.dns_domain, holdfast);
    const made = new LibvirtPoolVm(
      componentName(key),
      {
        ...vm,
        // Static or reserved: the plan has seen that there is one.
        cidr: nic?.address ?? "",
        ...{ vmName: name, owner, node: host.host, pool, domainType, image, dns },
        user: { name: config.ssh_username, keys },
      },
      { providers, dependsOn: rules },
    );
    const { vmId, address, mac, identity, hostKey } = made;
    const hardware = {
      ...{ vcpus: vm.cpuCores, memoryMb: vm.memoryMb, disks: [{ name: "vda", sizeMb: vm.diskGb * 1024 }] },
      cards: [{ name: "net0", mac, ...(nic?.addressId === undefined ? {} : { addressId: nic.addressId }) }],
    };
    return { key, name, vmId, node: host.host, address, mac, identity, hostKey, hardware };
  });
  return { vms, holdfast };
}
