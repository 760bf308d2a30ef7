/**
 * What a pool has in its checkpoint, and which changes of its configuration are refused because they would take away what is
 * on the disks.
 */
import { describe, expect, test } from "vitest";
import { vmPart } from "../../../components/pool/state-names.ts";
import { vmNames } from "../../../components/vm/plan.ts";
import { deployedVms } from "../../../platform-vm/placements/index.ts";
import type { LibvirtDeployedVm } from "../../../platform-vm/placements/libvirt/deployed.ts";
import { lostDisks, otherHost } from "../../../platform-vm/placements/libvirt/refuse.ts";
import { deployedOnProxmox, type ProxmoxDeployedVm } from "../../../platform-vm/placements/proxmox/deployed.ts";
import { otherMachines, otherUserData } from "../../../platform-vm/placements/proxmox/refuse.ts";
import { olderClones } from "../../../platform-vm/placements/proxmox/templates.ts";
import { otherPlacements } from "../../../platform-vm/refusals.ts";

const sha256 = "0123456789ab".padEnd(64, "c");
const uuid = "2f8880f8-f4b0-40d4-b677-1df67b403d51";
const types = {
  component: "holdfast:components:LibvirtPoolVm",
  domain: "libvirt:index/domain:Domain",
  volume: "libvirt:index/volume:Volume",
};
const entry = (type: string, name: string, outputs: object) =>
  [`urn:pulumi:dev-apps::platform-vm::${type}::${name}`, { type, outputs }] as const;
const { base, root } = vmNames("dev-app-01", sha256);
const [domainUrn, inProgram] = entry(types.domain, "vm-app-01-vm-domain", { name: "dev-app-01" });
const domain = [domainUrn, { ...inProgram, id: uuid }] as const;
const disk = entry(types.volume, "vm-app-01-vm-root", { name: root, pool: "images", size: 8 * 1024 ** 3 });
const image = entry(types.volume, "vm-app-01-vm-base", { name: base, pool: "images" });
const component = entry(types.component, "vm-app-01", { node: "192.0.2.10" });

const whole: LibvirtDeployedVm = {
  ...{ placement: "libvirt", key: "app-01", name: "dev-app-01", diskGb: 8, vmId: uuid },
  ...{ node: "192.0.2.10", storagePool: "images", root, base },
};

test("a VM on libvirt is read out of its domain and its volumes", () => {
  expect(deployedVms(Object.fromEntries([domain, disk, image, component]))).toEqual([whole]);
  const { vmId: _, ...known } = whole;
  expect(deployedVms(Object.fromEntries([[domainUrn, inProgram], disk, image, component]))).toEqual([known]);
});

test("a disk alone is a VM that stands: a failed update left it, or somebody took the domain away", () => {
  expect(deployedVms(Object.fromEntries([disk, image]))).toEqual([
    {
      ...{ placement: "libvirt", key: "app-01", name: "dev-app-01", diskGb: 8 },
      ...{ node: "", storagePool: "images", root, base },
    },
  ]);
  expect(deployedVms(Object.fromEntries([image, component]))).toEqual([]);
});

test.each([
  ["vm-a-vm", { key: "a", part: "" }],
  ["vm-a-vm-root-vm", { key: "a-vm-root", part: "" }],
  ["vm-a-vm-root-vm-domain", { key: "a-vm-root", part: "domain" }],
  ["vm-a-vm-vm-host-key", { key: "a-vm", part: "host-key" }],
  ["vm-a-vm-seed", undefined],
  ["libvirt", undefined],
])("the name %s in a state means %j", (name, meant) => {
  expect(vmPart(name)).toEqual(meant);
});

const wanted = { storagePool: "images", image: { sha256 }, vms: [{ key: "app-01", name: "dev-app-01", diskGb: 8 }] };
const lost = (more: Partial<typeof wanted>, deployed: LibvirtDeployedVm[] = [whole]) =>
  lostDisks(deployed, { ...wanted, ...more }, "dev-apps");

test("what stays as it is, what is new and what is not known is no loss", () => {
  expect(lost({})).toEqual([]);
  expect(lost({ vms: [{ key: "app-02", name: "dev-app-02", diskGb: 1 }] })).toEqual([]);
  const unknown = { ...whole, diskGb: 0, node: "", storagePool: "", root: "", base: "" };
  expect(lost({ storagePool: "other", vms: [{ key: "app-01", name: "x", diskGb: 1 }] }, [unknown])).toEqual([]);
});

test.each([
  [
    "a smaller disk",
    { vms: [{ key: "app-01", name: "dev-app-01", diskGb: 7 }] },
    "vms.app-01.disk_size_gb",
    "is 7, and",
  ],
  [
    "a larger disk",
    { vms: [{ key: "app-01", name: "dev-app-01", diskGb: 9 }] },
    "vms.app-01.disk_size_gb",
    "is 9, and",
  ],
  ["another image", { image: { sha256: "f".repeat(64) } }, "vm.image.sha256", "is another image than the one below"],
  ["another storage pool", { storagePool: "gold" }, "vm.pool", "is gold, and the disk of app-01 lies in images"],
  [
    "another name",
    { vms: [{ key: "app-01", name: "prod-app-01", diskGb: 8 }] },
    "vms.app-01.vm_name",
    "makes the VM prod-app-01, and it is dev-app-01",
  ],
])("%s would be another, empty disk: it is refused with the way to it", (_what, more, key, words) => {
  const [refused, ...others] = lost(more);
  expect(others).toEqual([]);
  expect(refused?.key).toBe(key);
  expect(refused?.reason).toContain(words);
  expect(refused?.reason).toContain("would be lost");
  expect(refused?.reason).toContain("holdfast rebuild dev-apps --confirm dev-apps");
});

test("no VM moves from one placement, or from one host, to another", () => {
  const host = { host: "192.0.2.10" };
  const there: ProxmoxDeployedVm = { placement: "proxmox", key: "app-01", name: "dev-app-01", diskGb: 8 };
  expect(otherPlacements([whole], { placement: "libvirt" })).toEqual([]);
  expect(otherPlacements([there], { placement: "proxmox" })).toEqual([]);
  expect(otherPlacements([], { placement: "libvirt" })).toEqual([]);
  expect(otherPlacements([there], { placement: "libvirt" })).toEqual([
    { key: "placement", reason: expect.stringMatching(/^is libvirt, and app-01 stand on proxmox\..*pulumi destroy/) },
  ]);
  expect(otherPlacements([whole], { placement: "proxmox" })).toEqual([
    { key: "placement", reason: expect.stringContaining("is proxmox, and app-01 stand on libvirt") },
  ]);
  expect([...otherHost([whole], host), ...otherHost([there], host), ...otherHost([], host)]).toEqual([]);
  expect(otherHost([whole], { host: "192.0.2.11" })).toEqual([
    { key: "host.address", reason: expect.stringContaining("is 192.0.2.11, and app-01 stand on 192.0.2.10") },
  ]);
});

const clone = (key: string, userData?: string): ProxmoxDeployedVm => ({
  ...{
    placement: "proxmox",
    key,
    name: `dev-${key}`,
    diskGb: 8,
    vmId: 101,
    ...(userData === undefined ? {} : { userData }),
  },
});
const fromElsewhere = (storage: string | undefined, ...deployed: ProxmoxDeployedVm[]) =>
  otherUserData(deployed, { vms: [{ key: "a" }, { key: "b" }], storage }, "dev-apps").map(({ reason }) => reason);

test("where the user data of a clone comes from is read out of its checkpoint", () => {
  const type = "proxmoxve:index/vmLegacy:VmLegacy";
  const [urn] = entry(type, "vm-app-01-vm", {});
  const read = (outputs: object) => deployedOnProxmox({ [urn]: { type, outputs } })[0]?.userData;
  expect(read({ initialization: { userDataFileId: "local:snippets/x.yaml" } })).toBe("local:snippets/x.yaml");
  expect(read({ initialization: { userDataFileId: "" } })).toBe("");
  expect(read({})).toBeUndefined();
});

test("user data that stays where it is, of new VMs, of VMs that leave, and that nobody knows of, costs nothing", () => {
  expect(fromElsewhere(undefined, clone("a", ""), clone("b"))).toEqual([]);
  expect(fromElsewhere("local", clone("a", "local:snippets/x.yaml"), clone("gone", ""))).toEqual([]);
});

test("user data from anywhere else is refused, with the way back and the way on", () => {
  const anew = "the provider would destroy such a VM and make another. Put it back";
  const rebuild = "or, where that shall be: holdfast rebuild dev-apps --confirm dev-apps";
  expect(fromElsewhere("local", clone("a", ""), clone("b", ""))).toEqual([
    `is local, and a, b stand without user data of the stack's: ${anew}: pulumi config rm snippets_storage; ${rebuild}`,
  ]);
  expect(fromElsewhere("nfs", clone("a", "local:snippets/x.yaml"))).toEqual([
    `is nfs, and a stands with user data on local: ${anew}: pulumi config set snippets_storage local; ${rebuild}`,
  ]);
  expect(fromElsewhere(undefined, clone("b", "nfs:snippets/x.yaml"))[0]).toContain("is not set, and b stands");
});

describe("a clone that stands", () => {
  const deployed: ProxmoxDeployedVm[] = [
    { placement: "proxmox", key: "a", name: "dev-a", diskGb: 8, vmId: 101, node: "pve1", templateVmId: 9000 },
    { placement: "proxmox", key: "b", name: "dev-b", diskGb: 8 },
  ];

  test("has node and template in its checkpoint", () => {
    const type = "proxmoxve:index/vmLegacy:VmLegacy";
    const [urn] = entry(type, "vm-a-vm", {});
    const read = (outputs: object) => deployedVms({ [urn]: { type, outputs } })[0];
    expect(read({ nodeName: "pve1", clone: { vmId: 9000 } })).toMatchObject({ node: "pve1", templateVmId: 9000 });
    expect(read({})).not.toHaveProperty("node");
  });

  test("keeps id and node, or is refused with the way on; what is not said, not known, or new, is not compared", () => {
    const refused = (...planned: Parameters<typeof otherMachines>[1][number][]) =>
      otherMachines(deployed, planned, "dev-apps").map(({ key, reason }) => `${key}: ${reason}`);
    expect(refused({ key: "a", vmId: 101, nodeName: "pve1" }, { key: "a" })).toEqual([]);
    expect(refused({ key: "b", vmId: 7, nodeName: "pve2" }, { key: "c", vmId: 101, nodeName: "pve2" })).toEqual([]);
    const anew =
      "the provider would destroy the VM and make another. Put it back; or, where that shall be: holdfast rebuild dev-apps --confirm dev-apps";
    expect(refused({ key: "a", vmId: 102, nodeName: "pve2" })).toEqual([
      `vms.a.vm_id: is 102, and the VM has the id 101: ${anew}`,
      `vms.a.node_name: is pve2, and the VM stands on pve1: ${anew}`,
    ]);
  });

  test("stays the clone that it is, and that is said", () => {
    const of = (key: string, vmId: number) => ({ key, template: { vmId } });
    expect(olderClones(deployed, [of("a", 9000), of("b", 9001), of("c", 9001)], "dev-apps")).toBeUndefined();
    expect(olderClones(deployed, [of("a", 9001)], "dev-apps")).toBe(
      "VMs that stay clones of the template that they were made from: a (of 9000, now 9001); to make them anew: holdfast rebuild dev-apps --confirm dev-apps",
    );
  });
});
