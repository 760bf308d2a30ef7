/**
 * The look at a cluster before a pool's VMs are made: nobody in the way is adopted, and what is cloned is a template.
 */
import { expect, test } from "vitest";
import type { ClusterVm } from "../../../../provider/proxmox/cluster.ts";
import { inTheWay } from "../../../../provider/proxmox/pool-preflight.ts";
import type { PoolPreflightArgs, WantedVm } from "../../../../resources/proxmox/pool-preflight.ts";
import { raw } from "../../../fixtures/provider-client.fixture.ts";
import { pluginOnProxmox } from "../../../fixtures/proxmox-plugin.fixture.ts";

const owner = "home.platform-vm.dev-apps";
const wanted: WantedVm = { key: "app-01", name: "dev-app-01" };
const vm = (changes: Partial<ClusterVm> = {}): ClusterVm => ({
  ...{ vmid: 104, node: "pve2", type: "qemu", name: "mail", tags: "", template: 0 },
  ...changes,
});
const output = (changes: Partial<WantedVm>, ...there: ClusterVm[]) =>
  inTheWay({ ...wanted, ...changes }, { owner, stack: "platform-vm/dev" }, there).map(
    ({ found, fix }) => `${found}; ${fix}`,
  );

test("who has another name and id, or is the VM that the state has, is in nobody's way", () => {
  expect(output({ vmId: 210 }, vm())).toEqual([]);
  expect(output({ vmId: 104, recordedVmId: 104 }, vm({ name: "Dev-App-01" }))).toEqual([]);
  expect(output({ recordedVmId: 104 }, vm({ name: "renamed", tags: `holdfast.${owner}` }))).toEqual([]);
});

test("who took the id of a VM that is gone is never changed in its place", () => {
  const [unmarked] = output({ recordedVmId: 104 }, vm());
  expect(unmarked).toContain("has the id that the state has for inputs.vms.app-01, and does not carry our mark");
  expect(unmarked).toContain("pulumi state delete");
  const theirs = vm({ name: wanted.name, tags: "holdfast.home.platform-vm.prod-apps" });
  expect(output({ recordedVmId: 104 }, theirs)).toEqual([
    expect.stringContaining("belongs to home.platform-vm.prod-apps"),
  ]);
});

test("a VM of the name, in whatever case, on whatever node, is in the way; so is one of the id", () => {
  expect(output({}, vm({ name: "DEV-app-01" }))).toEqual([
    "VM 104 (DEV-app-01) on node pve2 has the name of inputs.vms.app-01, and is not ours; set vms.app-01.vm_name to another one; it is neither used nor changed",
  ]);
  expect(output({ vmId: 104 }, vm())).toEqual([
    expect.stringContaining("has the id of inputs.vms.app-01, and is not ours"),
  ]);
  expect(output({ vmId: 104 }, vm({ name: "dev-app-01" }))).toHaveLength(1);
});

test("whose it is is said, and what to do with one of ours that no state knows", () => {
  const theirs = vm({ name: wanted.name, tags: "holdfast.home.platform-vm.prod-apps" });
  expect(output({}, theirs)[0]).toContain("belongs to home.platform-vm.prod-apps");
  const ours = vm({ name: wanted.name, tags: `app;holdfast.${owner}` });
  expect(output({ recordedVmId: 99 }, ours)[0]).toContain("our mark, and is not in this stack's state");
  expect(output({}, ours)[0]).toContain("qm destroy 104 --purge on node pve2");
});

test("everything that is wrong is said at once, and nothing else is asked than the list and the VM in the way", async () => {
  const { engine, proxmox } = await pluginOnProxmox();
  const template = proxmox.addTemplate({ name: "ubuntu-24.04-template" });
  const args = (vmIds: number[]): PoolPreflightArgs => ({
    ...{ stack: "platform-vm/dev-apps", owner, vms: [{ ...wanted, name: "ubuntu-24.04-template" }] },
    templates: vmIds.map((vmId) => ({ vmId, source: "template_state_ref=dev" })),
  });
  const token = "holdfast:proxmox:poolPreflight";
  const refusal = await engine.invoke(token, args([template, 7777])).catch((error: Error) => error);
  const text = String((refusal as Error).message);
  expect(text).toContain("stack platform-vm/dev-apps is not ready for Proxmox VE");
  expect(text).toContain("has the name of inputs.vms.app-01, and is not ours");
  expect(text).toContain(
    "template_vm_id=7777 comes from template_state_ref=dev, but no VM/template with that ID exists",
  );
  const asked = (from = 0) => proxmox.requests.slice(from).map(({ method, path }) => `${method} ${path}`);
  expect(asked()).toEqual(["GET /cluster/resources", `GET /nodes/pve1/qemu/${template}/config`]);
  const before = proxmox.requests.length;
  const fine = await engine.invoke(token, { ...args([template]), vms: [{ ...wanted }] });
  expect(raw(fine.getReturn())).toEqual({});
  expect(asked(before)).toEqual(["GET /cluster/resources"]);
});
