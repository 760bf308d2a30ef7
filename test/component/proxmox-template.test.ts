/**
 * What a template on Proxmox VE consists of: its children by type and name (a contract: a rename makes another template), their
 * inputs, what is secret, and what must be absent.
 *
 * Not proven here: that the provider and Proxmox VE take it (the engine ring asks the provider).
 */
import * as proxmox from "@pulumi/proxmoxve";
import * as pulumi from "@pulumi/pulumi";
import { beforeEach, expect, test } from "vitest";
import { ProxmoxTemplate, type TemplatePolicy, type TemplateSpec } from "../../components/template/proxmox-template.ts";
import { HoldfastProvider } from "../../resources/sdk.ts";
import { isSecret, Recorder, resolved } from "./recorder.ts";

const hex = "ab".repeat(32);
const secretPart = "11111111-2222-3333-4444-555555555555";
const args: TemplateSpec = {
  ...{ key: "ubuntu-24.04", templateName: "noble-base", description: "Ubuntu", tags: ["a", "b"] },
  image: { url: "https://images.example/noble.img", digest: { algorithm: "sha256", hex }, fileName: "noble.qcow2" },
  ...{ node: "pve1", imageStorage: "local", diskStorage: "fast", bridge: "vnetmgmt" },
  ...{ cores: 4, sockets: 1, cpuType: "host", memoryMb: 8192, diskGb: 80 },
};
const policy: TemplatePolicy = {
  ...{ stack: "template-image/dev", owner: "home.template-image.dev", allowDestroyWithClones: false },
  smoke: {
    ...{ enabled: true, required: true, timeout_s: 300, clone_timeout_s: 900 },
    ...{ ssh_login: "if-reachable", ssh_username: "opsadmin" },
  },
};

let recorder: Recorder;

beforeEach(async () => {
  recorder = await Recorder.start("template-image", {
    "proxmoxve:index/vmLegacy:VmLegacy": { vmId: 104 },
    "holdfast:proxmox:TemplateSmoke": { status: "ok" },
  });
});

async function made(changes: Partial<TemplateSpec> = {}, smoke: Partial<TemplatePolicy["smoke"]> = {}) {
  const token = pulumi.secret(`root@pam!ci=${secretPart}`);
  const endpoint = "https://pve1.example:8006";
  const providers = {
    proxmoxve: new proxmox.Provider("proxmox", { endpoint, apiToken: token }),
    holdfast: new HoldfastProvider("holdfast", { proxmoxEndpoint: endpoint, proxmoxToken: token }),
  };
  const template = new ProxmoxTemplate(
    "noble",
    { ...args, ...changes, policy: { ...policy, smoke: { ...policy.smoke, ...smoke } } },
    { providers, transformations: [recorder.transformation] },
  );
  await resolved(pulumi.all([template.smokeStatus, template.guard.id, template.urn]));
  return template;
}

test("it consists of exactly these children", async () => {
  await made();
  const children = recorder.resources.filter(({ type }) => !type.startsWith("pulumi:"));
  expect(children.map(({ type, name }) => `${type} ${name}`).sort()).toEqual([
    "holdfast:components:ProxmoxTemplate noble",
    "holdfast:proxmox:TemplateGuard noble-guard",
    "holdfast:proxmox:TemplateSmoke noble-smoke",
    "proxmoxve:download/file:File noble-image",
    "proxmoxve:index/vmLegacy:VmLegacy noble-template",
  ]);
  expect(recorder.withDefaultProvider()).toEqual([]);
});

test("the node fetches the image and compares its digest", async () => {
  await made();
  expect(recorder.find("noble-image").inputs).toEqual({
    ...{ nodeName: "pve1", datastoreId: "local", contentType: "import", fileName: "noble.qcow2" },
    ...{ url: "https://images.example/noble.img", checksum: hex, checksumAlgorithm: "sha256" },
    ...{ overwrite: false, overwriteUnmanaged: true },
  });
});

test("the template has that disk, an agent, a cloud-init drive, and does not start", async () => {
  await made();
  expect(recorder.find("noble-template").inputs).toEqual({
    ...{ nodeName: "pve1", name: "noble-base", description: "Ubuntu", tags: ["a", "b"] },
    ...{ template: true, started: false, onBoot: false, agent: { enabled: true } },
    ...{ cpu: { cores: 4, sockets: 1, type: "host" }, memory: { dedicated: 8192 }, operatingSystem: { type: "l26" } },
    ...{ scsiHardware: "virtio-scsi-single", bootOrders: ["scsi0"] },
    disks: [
      { interface: "scsi0", datastoreId: "fast", importFrom: "local:import/noble.qcow2", size: 80, discard: "on" },
    ],
    networkDevices: [{ bridge: "vnetmgmt" }],
    initialization: { datastoreId: "fast", ipConfigs: [{ ipv4: { address: "dhcp" } }] },
    ...{ serialDevices: [{}], cdrom: { fileId: "none", interface: "ide3" } },
  });
});

test("id, pool and vendor data are there when they are asked for", async () => {
  await made({ vmId: 9000, pool: "gold", vendorDataFileId: "local:snippets/agent.yaml" });
  expect(recorder.find("noble-template").inputs).toMatchObject({
    ...{ vmId: 9000, poolId: "gold" },
    initialization: { vendorDataFileId: "local:snippets/agent.yaml" },
  });
});

test("the provider's perpetual difference is left out, and a template is deleted before another takes its name", async () => {
  await made();
  expect(recorder.optionsOf("noble-template")).toMatchObject({
    ...{ ignoreChanges: ["disks[0].speed"], replaceOnChanges: ["disks"], deleteBeforeReplace: true },
  });
  expect(recorder.optionsOf("noble-image").deleteBeforeReplace).toBe(true);
});

test("guard and test know which template is meant, and the test comes behind the guard", async () => {
  await made();
  const place = { node: "pve1", vmId: 104, templateName: "noble-base", owner: "home.template-image.dev" };
  expect(recorder.find("noble-guard").inputs).toEqual({ ...place, allowDestroyWithClones: false });
  expect(recorder.find("noble-smoke").inputs).toMatchObject({
    ...{ ...place, key: "ubuntu-24.04", digest: `sha256:${hex}`, stack: "template-image/dev", required: true },
  });
  const [behind] = [recorder.optionsOf("noble-smoke").dependsOn].flat();
  expect(await resolved((behind as pulumi.CustomResource).urn)).toContain("noble-guard");
});

test("a test that is off is not made, and said to be skipped", async () => {
  const template = await made({}, { enabled: false });
  expect(await resolved(template.smokeStatus)).toBe("skipped");
  expect(recorder.resources.map(({ name }) => name)).not.toContain("noble-smoke");
});

test("the token is a secret of the providers, and nowhere else", async () => {
  await made();
  expect(isSecret(recorder.find("holdfast").inputs.proxmoxToken)).toBe(true);
  expect(recorder.inTheClear()).not.toContain(secretPart);
});
