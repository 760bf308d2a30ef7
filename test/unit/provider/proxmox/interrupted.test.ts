/**
 * What is taken for a clone that a cut-off update left, and what is removed of it: by an update alone, and only while it is what
 * it was taken for. The plugin against a simulated Proxmox VE; the whole way is test/engine/pool-interrupted.test.ts's.
 */
import { expect, test } from "vitest";
import type { ClusterVm } from "../../../../provider/proxmox/cluster.ts";
import { isInterruptedClone } from "../../../../provider/proxmox/interrupted.ts";
import type { PoolPreflightArgs } from "../../../../resources/proxmox/pool-preflight.ts";
import { pluginOnProxmox } from "../../../fixtures/proxmox-plugin.fixture.ts";

const owner = "home.platform-vm.dev-apps";
const tags = "holdfast.home.template-image.dev;ubuntu-24.04";
const told = { ipconfig0: "ip=dhcp" };
const template: ClusterVm = {
  ...{ vmid: 100, node: "pve1", type: "qemu", template: 1, status: "stopped", tags },
  config: { ...told, description: "Made by holdfast for home.template-image.dev", cores: 1 },
};
const description = `Made by holdfast for ${owner}`;
const clone: ClusterVm = {
  ...{ vmid: 104, node: "pve2", type: "qemu", name: "dev-app-01", status: "stopped", tags },
  config: { ...told, description, cores: 1 },
};

/** What differs from the clone; undefined takes a fact away. */
type Changes = { [Key in keyof ClusterVm]?: ClusterVm[Key] | undefined };

test.each<[string, Changes, boolean]>([
  ["described as ours, with its template's tags and settings", {}, true],
  ["of a template without tags", { tags: "" }, true],
  ["still being cloned", { config: { ...clone.config, lock: "clone" } }, true],
  ["something else works on it", { config: { ...clone.config, lock: "backup" } }, false],
  ["it runs", { status: "running" }, false],
  ["its status is not known", { status: undefined }, false],
  ["it has our tag: it was configured, and may have served", { tags: `app;holdfast.${owner}` }, false],
  ["it has no description", { config: told }, false],
  ["its description is another pool's", { config: { ...told, description: `${description}2` } }, false],
  ["its description has more than our mark", { config: { ...told, description: `${description}\nmine` } }, false],
  ["cloud-init was told an address", { config: { ...told, description, ipconfig0: "ip=10.0.0.7/24" } }, false],
  ["cloud-init was told a user", { config: { ...told, description, ciuser: "ops" } }, false],
  ["cloud-init was given user data", { config: { ...told, description, cicustom: "user=local:snippets/a" } }, false],
  ["it became a template", { template: 1 }, false],
  ["its configuration is not known", { config: undefined }, false],
])("%s", (_, changes, expected) => {
  const vm = { ...clone, ...changes } as ClusterVm;
  expect(isInterruptedClone(vm, owner, [template, vm])).toBe(expected);
});

test("without a template that it may be of, nothing is one", () => {
  expect(isInterruptedClone(clone, owner, [clone])).toBe(false);
  expect(isInterruptedClone(clone, owner, [clone, { ...template, config: undefined } as unknown as ClusterVm])).toBe(
    false,
  );
});

/** A cluster with a clone that was left, and the pool's preflight on it. */
async function left() {
  const plugin = await pluginOnProxmox();
  const { proxmox, engine } = plugin;
  const id = proxmox.addTemplate({ name: "ubuntu-24.04-template", config: { ...told, tags } });
  const vmid = proxmox.addTemplate({ name: "dev-app-01", config: { ...told, tags, description } });
  const vm = proxmox.vm(vmid);
  delete vm.config.template;
  const args: PoolPreflightArgs = {
    ...{ stack: "platform-vm/dev-apps", owner, vms: [{ key: "app-01", name: "dev-app-01" }] },
    templates: [{ vmId: id, source: "template_state_ref=dev" }],
  };
  const preflight = (more: Partial<PoolPreflightArgs> = {}) =>
    engine.invoke("holdfast:proxmox:poolPreflight", { ...args, ...more } as never).then(
      () => "",
      (error: Error) => error.message,
    );
  return { ...plugin, vm, preflight, names: () => proxmox.vms().map(({ config }) => config.name) };
}

test("an update removes it, a preview says so and changes nothing", async () => {
  const { preflight, names, proxmox } = await left();
  expect(await preflight()).toBe("");
  expect(await preflight({ update: false })).toBe("");
  expect(new Set(proxmox.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
  expect(await preflight({ update: true })).toBe("");
  expect(names()).toEqual(["ubuntu-24.04-template"]);
});

test("nothing is removed while something else is wrong", async () => {
  const { preflight, names } = await left();
  expect(await preflight({ update: true, templates: [{ vmId: 7777, source: "x" }] })).toContain("7777");
  expect(names()).toContain("dev-app-01");
});

test("the one that the state has is configured by the update, and not removed", async () => {
  const { preflight, vm, names } = await left();
  const vms = [{ key: "app-01", name: "dev-app-01", recordedVmId: vm.vmid }];
  expect(await preflight({ update: true, vms })).toBe("");
  expect(names()).toContain("dev-app-01");
});

test.each([
  ["has our tag", { tags: `app;holdfast.${owner}` }],
  ["was told a user", { ciuser: "ops" }],
])("one of ours that %s stays, and nobody is told to take another name", async (_, config) => {
  const { preflight, vm, names } = await left();
  Object.assign(vm.config, config);
  const output = await preflight({ update: true });
  expect(output).toContain(`our mark, and is not in this stack's state`);
  expect(output).toContain(`qm destroy ${vm.vmid} --purge on node pve1`);
  expect(output).not.toContain("to another one");
  expect(names()).toContain("dev-app-01");
});

test("a cluster that refuses to say whose it is refuses the update", async () => {
  const { preflight, vm, proxmox, names } = await left();
  proxmox.faults.refuse({ method: "GET", path: `/nodes/pve1/qemu/${vm.vmid}/config`, status: 403 });
  expect(await preflight({ update: true })).toContain("403");
  expect(names()).toContain("dev-app-01");
});
