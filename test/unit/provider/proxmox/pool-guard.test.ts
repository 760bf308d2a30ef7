/**
 * The guard of a pool: what it lets go, and that a stranger under the id of one of its VMs keeps all of them.
 */
import { expect, test } from "vitest";
import { pluginOnProxmox } from "../../../fixtures/proxmox-plugin.fixture.ts";

const type = "holdfast:proxmox:PoolGuard";
const owner = "home.platform-vm.dev";

async function guarded(tags = `holdfast.${owner}`, description = "somebody's") {
  const plugin = await pluginOnProxmox();
  const mine = { name: "dev-app-01", config: { tags: `db;holdfast.${owner}` } };
  const other = { name: "mail", config: { tags, description } };
  const [first, second] = [mine, other].map((vm) => plugin.proxmox.addTemplate(vm));
  const vms = [
    { key: "app-01", name: "dev-app-01", vmId: first },
    { key: "app-02", name: "dev-app-02", vmId: second },
  ];
  const state = { owner, vms };
  const refused = (work: Promise<unknown>) =>
    work.then(
      () => "",
      (error: Error) => error.message,
    );
  return { ...plugin, vms, state, second, refused };
}

test("VMs with our mark are let go, and so are those that are gone already", async () => {
  const { engine, state, vms, refused } = await guarded();
  const gone = { key: "app-03", name: "dev-app-03", vmId: 4711 };
  expect(await refused(engine.delete(type, "guard", { ...state, vms: [...vms, gone] }))).toBe("");
});

test("a VM that lost its tags, or has its template's still, is ours by its description", async () => {
  const template = await guarded("holdfast.home.template-image.dev", `Made by holdfast for ${owner}`);
  expect(await template.refused(template.engine.delete(type, "guard", template.state))).toBe("");
});

test.each([
  ["backup", "does not carry our mark"],
  ["holdfast.home.platform-vm.prod", "belongs to home.platform-vm.prod"],
])("a VM with the tags %s under the id of one of ours keeps them all", async (tags, words) => {
  const { engine, state, second, refused } = await guarded(tags);
  const message = await refused(engine.delete(type, "guard", state));
  expect(message).toContain(`nothing was deleted:\n  - template ${second} (mail) on node pve1`);
  expect(message).toContain(`has the id that the state has for app-02, and ${words}`);
  // Who takes something out of a state looks first: nothing would know it any more.
  expect(message).toMatch(
    /look at it first\. Where it is ours .*qm set \d+ --description .*Where it is not, .*state delete/,
  );
  expect(message).toMatch(/pulumi state delete .*ProxmoxVm\$proxmoxve:index\/vmLegacy:VmLegacy::vm-app-02-vm'/);
});

test("only VMs that leave the pool are looked at by an update: they are deleted behind it", async () => {
  const { engine, state, vms, refused } = await guarded("backup");
  expect(await refused(engine.update(type, state, { ...state, vms: vms.slice(1) }))).toBe("");
  expect(await refused(engine.update(type, state, { ...state, vms: vms.slice(0, 1) }))).toContain("mail");
});

test("where the cluster cannot be asked, nothing is deleted", async () => {
  const { engine, state, proxmox, refused } = await guarded();
  proxmox.faults.refuse({ method: "GET", path: "/cluster/resources", status: 403 });
  expect(await refused(engine.delete(type, "guard", state))).toContain("403");
});
