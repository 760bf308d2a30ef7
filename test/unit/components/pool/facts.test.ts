/**
 * What a pool takes from others: its own last checkpoint, the templates' contract, what guest agents report.
 */
import { expect, test } from "vitest";
import { addressOf, identityDigest } from "../../../../components/pool/identity.ts";
import { componentName } from "../../../../components/pool/state-names.ts";
import { pickTemplate } from "../../../../components/pool/templates.ts";
import { produce } from "../../../../lib/contracts/contract.ts";
import { vmsContract } from "../../../../lib/contracts/vms.ts";
import { deployedVms } from "../../../../platform-vm/placements/index.ts";
import { shrinks } from "../../../../platform-vm/placements/proxmox/refuse.ts";

const vmType = "proxmoxve:index/vmLegacy:VmLegacy";
const urn = (key: string, type = vmType) =>
  `urn:pulumi:dev-apps::platform-vm::holdfast:components:ProxmoxVm$${type}::${componentName(key)}-vm`;

test("the VMs of a checkpoint are known by their logical names, failed updates included", () => {
  const disks = [{ interface: "ide2" }, { interface: "scsi0", size: 12 }];
  const deployed = deployedVms({
    [urn("pgha-01")]: { type: vmType, outputs: { name: "dev-pgha-01", vmId: 104, disks } },
    [urn("app-vm-02")]: { type: vmType, outputs: {} },
    [urn("x", "other:index:Thing")]: { type: "other:index:Thing", outputs: {} },
    "urn:pulumi:dev-apps::platform-vm::pulumi:providers:proxmoxve::proxmox": { type: "pulumi:providers:proxmoxve" },
  });
  expect(deployed).toEqual([
    { placement: "proxmox", key: "pgha-01", name: "dev-pgha-01", diskGb: 12, vmId: 104 },
    { placement: "proxmox", key: "app-vm-02", name: "", diskGb: 0 },
  ]);
});

test("a disk that gets smaller is refused; one that is new, as large or larger is not", () => {
  const deployed = [{ placement: "proxmox" as const, key: "a", name: "dev-a", diskGb: 40 }];
  expect(
    shrinks(deployed, [
      { key: "a", diskGb: 40 },
      { key: "b", diskGb: 1 },
    ]),
  ).toEqual([]);
  expect(shrinks(deployed, [{ key: "a", diskGb: 39 }])).toEqual([
    { key: "vms.a.disk_size_gb", reason: expect.stringContaining("is 39, and the disk has 40 GiB") },
  ]);
});

test("a template is found by its key, and a key that nobody publishes is told with those that are", () => {
  const digest = `sha256:${"ab".repeat(32)}`;
  const templates = { "ubuntu-24.04": { vmId: 9000, name: "u", node: "pve1", digest } };
  expect(pickTemplate("ubuntu-24.04", templates, "dev")).toEqual({ vmId: 9000, node: "pve1" });
  const vendorDataFileId = "local:snippets/agent.yaml";
  const vendored = { "rocky-9": { ...templates["ubuntu-24.04"], vendorDataFileId } };
  expect(pickTemplate("rocky-9", vendored, "dev")).toEqual({ vmId: 9000, node: "pve1", vendorDataFileId });
  expect(pickTemplate("debian-12", templates, "dev")).toEqual({
    problem: expect.stringContaining(
      "unable to resolve template VM ID from template_state_ref=dev key=debian-12; outputs keys: [ubuntu-24.04]",
    ),
  });
  expect(pickTemplate("constructor", templates, "dev")).toHaveProperty("problem");
});

test("a static address is known at once; one by DHCP is the first that is no loopback and no makeshift", () => {
  expect(addressOf(["10.0.0.5/24"], [["10.9.9.9"]])).toBe("10.0.0.5");
  expect(addressOf(["dhcp"], [["127.0.0.1"], ["169.254.3.3", "10.0.0.7"]])).toBe("10.0.0.7");
  expect(addressOf(["", "10.0.0.6/24"], [])).toBe("10.0.0.6");
  expect(addressOf(["dhcp"], [["127.0.0.1"]])).toBe("");
});

test("another id, address, MAC, gateway, node or template is another machine", () => {
  const machine = {
    vmId: 101,
    node: "pve1",
    address: "10.0.0.5",
    mac: "BC:24:11:00:00:01",
    gateway: "10.0.0.1",
    template: 9000,
  };
  const changed = {
    vmId: 102,
    node: "pve2",
    address: "10.0.0.6",
    mac: "BC:24:11:00:00:02",
    gateway: "10.0.0.2",
    template: 9001,
  };
  const digests = Object.entries(changed).map(([field, value]) => identityDigest({ ...machine, [field]: value }));
  expect(new Set([identityDigest(machine), ...digests]).size).toBe(7);
  const { vmId, ...rest } = machine;
  expect(identityDigest({ ...rest, vmId })).toBe(identityDigest(machine));
});

test("the contract takes a pool as its stack exports it, and refuses one without identities", () => {
  const identity = `sha256:${"cd".repeat(32)}`;
  const vm = { vmId: 101, name: "dev-a", node: "pve1", address: "10.0.0.5", mac: "BC:24:11:00:00:01", identity };
  const pool = {
    contract: "vms@1" as const,
    env: "dev",
    vms: { a: vm },
    status: "ok" as const,
    evidenceDir: "",
    runId: "",
  };
  expect(produce(vmsContract, pool)).toEqual(pool);
  const onLibvirt = { ...pool, vms: { a: { ...vm, vmId: "2f8880f8-f4b0-40d4-b677-1df67b403d51" } } };
  expect(produce(vmsContract, onLibvirt)).toEqual(onLibvirt);
  // Beyond what a JavaScript number holds: the digits themselves go through, and stay as they are.
  for (const vmId of ["9007199254740993", "7894016355093412870", "18446744073709551615"]) {
    const wide = { ...pool, vms: { a: { ...vm, vmId } } };
    expect(produce(vmsContract, JSON.parse(JSON.stringify(wide)))).toEqual(wide);
  }
  for (const vmId of [2 ** 53, "0101", "18446744073709551616", "-1", "1e3", ""]) {
    expect(() => produce(vmsContract, { ...pool, vms: { a: { ...vm, vmId } } })).toThrow("vms.vms.a.vmId");
  }
  expect(() => produce(vmsContract, { ...pool, vms: { a: { ...vm, identity: "" } } })).toThrow("vms.vms.a.identity");
});
