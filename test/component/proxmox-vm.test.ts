/**
 * The children of a VM on Proxmox VE, under Pulumi's mocks: what exactly is asked for, and what must not be there.
 */
import * as proxmox from "@pulumi/proxmoxve";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { ProxmoxVm, type ProxmoxVmArgs } from "../../components/pool/proxmox-vm.ts";
import { HoldfastProvider } from "../../resources/sdk.ts";
import { isSecret, Recorder } from "./recorder.ts";

let recorder: Recorder;
let providers: { proxmoxve: proxmox.Provider; holdfast: HoldfastProvider };

beforeAll(async () => {
  recorder = await Recorder.start("platform-vm", {
    "holdfast:ssh:HostKey": { publicKey: "ssh-ed25519 BBBB key", privateKey: "the-private-half" },
    "holdfast:proxmox:Snippet": { volumeId: "local:snippets/holdfast-pgha-01-0123456789ab.yaml" },
    "proxmoxve:index/vmLegacy:VmLegacy": {
      vmId: 101,
      ipv4Addresses: [["127.0.0.1"], ["10.20.0.115"]],
      // As Proxmox VE made it up; the agent says nothing of a VM with a static address.
      networkDevices: [{ bridge: "vnetdev", macAddress: "BC:24:11:00:00:99" }],
    },
  });
});
beforeEach(() => {
  recorder.resources.length = 0;
  providers = {
    proxmoxve: new proxmox.Provider("proxmox", { endpoint: "https://pve1.example.org:8006", apiToken: "t" }),
    holdfast: new HoldfastProvider("holdfast", {}),
  };
});

const args: ProxmoxVmArgs = {
  vmName: "dev-pgha-01",
  owner: "home.platform-vm.dev-apps",
  template: { vmId: 9000, node: "pve1" },
  nodeName: "pve1",
  datastoreId: "local-lvm",
  cpuCores: 4,
  cpuType: "host",
  memoryMb: 8192,
  diskGb: 120,
  nics: [{ bridge: "vnetdev", address: "10.20.0.15/24", gateway: "10.20.0.1" }, { bridge: "vnetddev" }],
  tags: ["db", "platform"],
  onBoot: true,
  protect: false,
  agent: true,
  dns: { domain: "hybzone.local", servers: ["8.8.8.8"] },
  user: { name: "opsadmin", keys: ["ssh-ed25519 AAAA"] },
};

/** A VM made with these changes, and its inputs. */
async function made(name: string, changes: Partial<ProxmoxVmArgs> = {}) {
  const vm = new ProxmoxVm(
    name,
    { ...args, ...changes },
    {
      providers,
      transformations: [recorder.transformation],
    },
  );
  const known = async <T>(output: { promise?: () => Promise<T> }) =>
    (output as unknown as { promise(): Promise<T> }).promise();
  const facts = {
    vmId: await known(vm.vmId as never),
    address: await known(vm.address as never),
    mac: await known(vm.mac as never),
    identity: await known(vm.identity as never),
  };
  return { facts, inputs: recorder.find(`${name}-vm`).inputs, options: recorder.optionsOf(`${name}-vm`) };
}

test("is one full clone with its sizes, cards, cloud-init settings, tags and owner", async () => {
  const { inputs } = await made("a");
  expect(inputs).toMatchObject({
    name: "dev-pgha-01",
    nodeName: "pve1",
    clone: { vmId: 9000, full: true, datastoreId: "local-lvm" },
    cpu: { cores: 4, type: "host" },
    memory: { dedicated: 8192 },
    disks: [{ interface: "scsi0", datastoreId: "local-lvm", size: 120 }],
    networkDevices: [{ bridge: "vnetdev" }, { bridge: "vnetddev" }],
    initialization: {
      dns: { domain: "hybzone.local", servers: ["8.8.8.8"] },
      ipConfigs: [{ ipv4: { address: "10.20.0.15/24", gateway: "10.20.0.1" } }, {}],
      userAccount: { username: "opsadmin", keys: ["ssh-ed25519 AAAA"] },
    },
    tags: ["db", "holdfast.home.platform-vm.dev-apps", "platform"],
    onBoot: true,
    protection: false,
  });
  expect(inputs).not.toHaveProperty("vmId");
  expect(inputs.clone).not.toHaveProperty("nodeName");
});

test("never previews the difference that the provider makes up, and goes before another takes its place", async () => {
  expect((await made("b")).options).toMatchObject({
    ignoreChanges: ["disks[0].speed", "clone"],
    deleteBeforeReplace: true,
    protect: false,
  });
  const { options, inputs } = await made("c", { protect: true });
  expect(options.protect).toBe(true);
  expect(inputs.protection).toBe(true);
});

test("waits for its agent where only that knows the address, and not otherwise", async () => {
  expect((await made("d")).inputs.agent).toMatchObject({ enabled: true, waitForIp: { disabled: true } });
  const dhcp = await made("e", { nics: [{ bridge: "vnetdev", address: "dhcp" }] });
  expect(dhcp.inputs.agent).toMatchObject({ waitForIp: { ipv4: true } });
  expect(dhcp.facts).toMatchObject({ vmId: 101, address: "10.20.0.115", mac: "BC:24:11:00:00:99" });
});

test("is cloned across nodes, under an id of its own, in the order of its host, where that is asked for", async () => {
  const { inputs, facts } = await made("f", {
    nodeName: "pve02",
    vmId: 210,
    startupOrder: 3,
    nics: [{ bridge: "vnetdev", vlanId: 120, macAddress: "BC:24:11:00:00:15", address: "10.20.0.15/24" }],
  });
  expect(inputs).toMatchObject({
    nodeName: "pve02",
    vmId: 210,
    clone: { nodeName: "pve1" },
    startup: { order: 3 },
    networkDevices: [{ bridge: "vnetdev", vlanId: 120, macAddress: "BC:24:11:00:00:15" }],
  });
  expect(facts).toMatchObject({ address: "10.20.0.15", mac: "BC:24:11:00:00:15" });
  expect(facts.identity).not.toBe((await made("g")).facts.identity);
});

/** A VM with user data of the stack's, once everything of it is registered. */
async function withOwnUserData(name: string, changes: Partial<ProxmoxVmArgs> = {}) {
  const host = { host: "192.0.2.2", port: 22, user: "root", stack: "platform-vm/dev-apps" };
  const snippets = { key: "pgha-01", storage: "local", directory: "/var/lib/vz/snippets", host };
  const vm = await made(name, { snippets, ...changes });
  const { inputs } = recorder.find(`${name}-vm-user-data`);
  const { content } = inputs;
  return { ...vm, place: inputs, secret: isSecret(content), text: String(isSecret(content) ? content.value : content) };
}

test("without a place for user data it has no host key of ours, and Proxmox VE makes the user", async () => {
  await made("h");
  expect(recorder.resources.filter(({ type }) => type.startsWith("holdfast:") && !type.includes("components"))).toEqual(
    [],
  );
});

test("with one it comes up with a host key of ours, with a name and a user, all of it a secret", async () => {
  const { inputs, secret, text, place } = await withOwnUserData("i");
  expect(parse(text)).toMatchObject({
    ...{ hostname: "dev-pgha-01", fqdn: "dev-pgha-01.hybzone.local", ssh_deletekeys: true },
    users: [{ name: "opsadmin", ssh_authorized_keys: ["ssh-ed25519 AAAA"] }],
    ssh_keys: { ed25519_private: "the-private-half\n", ed25519_public: "ssh-ed25519 BBBB key" },
  });
  expect(secret).toBe(true);
  expect(recorder.inTheClear()).not.toContain("the-private-half");
  expect(place).toMatchObject({ storage: "local", directory: "/var/lib/vz/snippets", host: { host: "192.0.2.2" } });
  const initialization = inputs.initialization as object;
  expect(initialization).toMatchObject({
    userDataFileId: "local:snippets/holdfast-pgha-01-0123456789ab.yaml",
    dns: { domain: "hybzone.local", servers: ["8.8.8.8"] },
    ipConfigs: [{ ipv4: { address: "10.20.0.15/24", gateway: "10.20.0.1" } }, {}],
  });
  expect(initialization).not.toHaveProperty("userAccount");
  expect(initialization).not.toHaveProperty("vendorDataFileId");
  expect(recorder.withDefaultProvider()).toEqual([]);
});

test("the name of its snippet is that of its logical name and its host key: another file would be another VM", async () => {
  const { place } = await withOwnUserData("j");
  expect(place.name).toMatch(/^holdfast-pgha-01-[0-9a-f]{12}\.yaml$/);
  const renamed = await withOwnUserData("k", { vmName: "corp-pgha-01", user: { name: "ops", keys: [] } });
  expect(renamed.place.name).toBe(place.name);
  expect(recorder.find("k-vm-host-key").inputs).toEqual({ comment: "pgha-01" });
});

test("the template's vendor data goes on, since user data of its own would drop it, and is never a reason to destroy the VM", async () => {
  const vendorDataFileId = "local:snippets/agent.yaml";
  const template = { vmId: 9000, node: "pve1", vendorDataFileId };
  const { inputs, options } = await withOwnUserData("l", { template });
  expect(inputs.initialization).toMatchObject({ vendorDataFileId });
  expect(options.ignoreChanges).toContain("initialization.vendorDataFileId");
  expect((await made("m", { template })).inputs.initialization).not.toHaveProperty("vendorDataFileId");
});
