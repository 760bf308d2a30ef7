/**
 * The guard of a template: what it lets go, what it keeps, and that a stranger under the template's id is kept too.
 */
import { expect, test, vi } from "vitest";
import { pluginOnProxmox } from "../../../fixtures/proxmox-plugin.fixture.ts";

const type = "holdfast:proxmox:TemplateGuard";
const owner = "home.template-image.dev";
const templateName = "ubuntu-24.04-template";

async function guarded(tags = `holdfast.${owner};ubuntu-24.04`, storage = "local-lvm") {
  const storages = [
    { id: "local-lvm", type: "lvmthin", content: ["images"] },
    { id: "files", type: "dir", content: ["images"] },
  ];
  const plugin = await pluginOnProxmox({ storages });
  const vmId = plugin.proxmox.addTemplate({ name: templateName, storage, config: { tags } });
  const state = { node: "pve1", vmId, templateName, owner, allowDestroyWithClones: false };
  const clone = (newid: number, full = "0") =>
    plugin.task("POST", `/nodes/pve1/qemu/${vmId}/clone`, { newid: `${newid}`, name: `app-${newid}`, full });
  const released = (changes: object = {}) =>
    plugin.engine.delete(type, "guard", { ...state, ...changes }).then(
      () => "",
      (error: Error) => error.message,
    );
  return { ...plugin, vmId, clone, released, state };
}

test("a template that nothing is linked to is let go; full clones keep no trace of it", async () => {
  const { clone, released } = await guarded();
  await clone(501, "1");
  expect(await released()).toBe("");
});

test.each(["local-lvm", "files"])("linked clones on %s keep it, each named", async (storage) => {
  const { clone, released, vmId } = await guarded(undefined, storage);
  await clone(502);
  await clone(501);
  expect(await released()).toContain(
    `nothing was deleted: template ${vmId} (${templateName}) on node pve1 has 2 linked clones:\n` +
      "  - VM 501 (app-501) on node pve1\n  - VM 502 (app-502) on node pve1\n",
  );
});

test("what an update recorded lets it go all the same, and so does its name for one command", async () => {
  const { clone, released } = await guarded();
  await clone(501);
  expect(await released({ allowDestroyWithClones: true })).toBe("");
  vi.stubEnv("HOLDFAST_ALLOW_DESTROY_WITH_CLONES", "another-template");
  expect(await released()).toContain("1 linked clone");
  vi.stubEnv("HOLDFAST_ALLOW_DESTROY_WITH_CLONES", templateName);
  expect(await released()).toBe("");
});

test.each([
  ["mail", "does not carry its owner mark"],
  ["holdfast.home.template-image.prod", "is marked as home.template-image.prod's"],
])("a VM with the tags %s under its id is not ours to delete", async (tags, words) => {
  const { released, vmId } = await guarded(tags);
  const message = await released();
  expect(message).toContain(`nothing was deleted: VM ${vmId} (${templateName}) on node pve1 ${words}`);
  expect(message).toContain("pulumi state delete --target-dependents");
});

test("a template that is gone already is in nobody's way", async () => {
  const { released, vmId, task } = await guarded();
  await task("DELETE", `/nodes/pve1/qemu/${vmId}`);
  expect(await released()).toBe("");
});

test("where clones cannot be looked for, nothing is deleted", async () => {
  const { proxmox, released } = await guarded();
  proxmox.faults.refuse({ method: "GET", path: "/nodes/pve1/storage/*/content", status: 403 });
  expect(await released()).toContain("403");
});

test("another template needs another guard, and the old one is asked first", async () => {
  const { engine, state } = await guarded();
  const diff = await engine.diff(type, state, state, { ...state, vmId: 9999 });
  expect(diff.getReplacesList()).toEqual(["vmId"]);
  expect(diff.getDeletebeforereplace()).toBe(true);
});
