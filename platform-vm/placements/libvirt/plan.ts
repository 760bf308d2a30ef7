/**
 * What a pool on a libvirt host decides beside what every pool does: the host, the image, the one NIC of each VM; and what of
 * a VM's configuration libvirt does not have, which is refused. Pure.
 */

import type { VmInput } from "../../../components/pool/inputs.ts";
import { libvirtHost } from "../../../lib/config/libvirt-keys.ts";
import { type ReportProblem, statedKeys } from "../../../lib/config/strict.ts";
import { isCidr } from "../../../lib/network/ipv4.ts";
import type { SshTarget } from "../../../lib/ssh/dial.ts";
import type { PlatformVmConfig } from "../../config.ts";
import type { PlannedVm, RequestedVm } from "../../planned.ts";
import type { PoolRequest } from "../placement.ts";

/** A VM on a libvirt host, decided. */
export interface LibvirtPlannedVm extends PlannedVm {
  bridge: string;
  /** Lower case; absent: made from owner mark and name. */
  mac?: string;
  /** Address with prefix length; absent: it is reserved under IPAM. */
  cidr?: string;
  gateway: string;
}

/** What a plan has on libvirt alone. */
export interface LibvirtPart {
  placement: "libvirt";
  host: SshTarget;
  /** Of all volumes. */
  storagePool: string;
  image: { url: string; sha256: string };
  domainType: "kvm" | "qemu";
  vms: LibvirtPlannedVm[];
}

/** @param report told everything that does not fit together. */
export function planOnLibvirt({ config, vms, stack }: PoolRequest, report: ReportProblem): LibvirtPart {
  const address = config["host.address"] ?? "";
  if (address === "") {
    report("host.address", "is required with placement libvirt: pulumi config set host.address <address of the host>");
  }
  checkImage(config, report);
  for (const vm of vms) checkInput(vm, config, report);
  for (const vm of vms) checkNics(vm, report);
  return {
    placement: "libvirt",
    host: libvirtHost({ ...config, "host.address": address }, stack),
    storagePool: config["vm.pool"],
    image: { url: config["vm.image.url"], sha256: config["vm.image.sha256"] },
    domainType: config["vm.type"],
    vms: vms.map(plannedVm),
  };
}

/** An image of one's own has a digest of its own. */
function checkImage(config: PlatformVmConfig, report: ReportProblem): void {
  const pair = ["vm.image.url", "vm.image.sha256"];
  const stated = pair.filter((key) => statedKeys(config).has(key));
  const missing = pair.find((key) => !stated.includes(key));
  if (stated.length === 1 && missing) report(missing, "is required: the two belong together");
}

/** Fields of a VM that libvirt has nothing for. */
const refused: Partial<Record<keyof VmInput, string>> = {
  vm_id: "an id on libvirt is a UUID that nobody chooses",
  template_key: "VMs on libvirt are made from an image, the same for the whole pool: vm.image.url",
  node_name: "all VMs of the pool stand on host.address",
  datastore_id: "all disks of the pool lie in vm.pool",
  startup_order: "libvirt starts VMs in no order; on_boot says whether it does at all",
};

function checkInput({ key, input }: RequestedVm, config: PlatformVmConfig, report: ReportProblem): void {
  for (const [field, reason] of Object.entries(refused)) {
    // The shorthand's id has been refused by its own key.
    if (input[field as keyof VmInput] === undefined || (field === "vm_id" && config.vm_id !== undefined)) continue;
    report(`vms.${key}.${field}`, `is not to be had with placement libvirt: ${reason}. Remove it`);
  }
}

function checkNics({ key, nics }: PlannedVm, report: ReportProblem): void {
  const where = `vms.${key}.interfaces`;
  if (nics.length > 1) {
    report(
      where,
      `has ${nics.length} cards, and a VM on libvirt has one here: keep the first, or set placement proxmox`,
    );
  }
  const [nic] = nics;
  if (!nic) return;
  if (nic.vlanId !== undefined) {
    report(where, `has vlan_id, which libvirt leaves to the host: name a bridge that is in VLAN ${nic.vlanId}`);
  }
  if (nic.reservation || (nic.address !== undefined && isCidr(nic.address))) return;
  if (nic.address !== undefined && nic.address !== "dhcp") return; // What is wrong with it has been said.
  const found = nic.address === "dhcp" ? "asks by DHCP" : "has no address";
  report(
    where,
    `${found}, and nothing on libvirt would tell it: give it a static one, ipv4.address with prefix length and ipv4.gateway`,
  );
}

function plannedVm({ input: _, ...vm }: RequestedVm): LibvirtPlannedVm {
  const [nic] = vm.nics;
  return {
    ...vm,
    bridge: nic?.bridge ?? "",
    ...(nic?.macAddress === undefined ? {} : { mac: nic.macAddress.toLowerCase() }),
    ...(nic?.address === undefined ? {} : { cidr: nic.address }),
    gateway: nic?.gateway ?? "",
  };
}
