/**
 * A pool's VM on libvirt, under Pulumi's mocks: what its children are called (a contract: the checkpoint is read by it), what
 * of the pool's terms they get, and what the pool's contract says of it.
 */
import * as libvirt from "@pulumi/libvirt";
import { beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { identityDigest } from "../../components/pool/identity.ts";
import { LibvirtPoolVm, type LibvirtPoolVmArgs } from "../../components/pool/libvirt-pool-vm.ts";
import { macAddress } from "../../components/vm/plan.ts";
import { HoldfastProvider } from "../../resources/sdk.ts";
import { isSecret, Recorder, resolved } from "./recorder.ts";

const sha256 = "c".repeat(64);
const args: LibvirtPoolVmArgs = {
  vmName: "dev-app-01",
  owner: "home.platform-vm.dev-apps",
  node: "192.0.2.10",
  pool: "images",
  bridge: "br0",
  image: { path: "/cache/image.qcow2", sha256 },
  domainType: "kvm",
  cpuCores: 4,
  memoryMb: 8192,
  diskGb: 40,
  cidr: "192.0.2.21/24",
  gateway: "192.0.2.1",
  dns: { domain: "corp.example", servers: ["192.0.2.53"] },
  user: { name: "opsadmin", keys: ["ssh-ed25519 AAAA ops"] },
  onBoot: false,
  protect: false,
};
let recorder: Recorder;

beforeEach(async () => {
  recorder = await Recorder.start("platform-vm", {
    "holdfast:ssh:HostKey": { publicKey: "ssh-ed25519 BBBB dev-app-01", privateKey: "the-private-half" },
  });
});

/** A VM made with these changes, once everything of it is registered. */
async function made(changes: Partial<LibvirtPoolVmArgs> = {}) {
  const providers = {
    libvirt: new libvirt.Provider("libvirt", { uri: "qemu+ssh://root@192.0.2.10/system" }),
    holdfast: new HoldfastProvider("holdfast", {}),
  };
  const vm = new LibvirtPoolVm(
    "vm-app-01",
    { ...args, ...changes },
    {
      providers,
      transformations: [recorder.transformation],
    },
  );
  const identity = await resolved(vm.identity);
  return { vm, identity };
}

/** The cloud-init document in the clear. */
function userData() {
  const given = recorder.find("vm-app-01-vm-seed").inputs.userData;
  return parse(String(isSecret(given) ? given.value : given));
}

test("it consists of these children, by whose names its checkpoint is read", async () => {
  await made();
  const own = recorder.resources.filter(({ type }) => !type.startsWith("pulumi:"));
  expect(own.map(({ type, name }) => `${type} ${name}`).sort()).toEqual([
    "holdfast:components:LibvirtPoolVm vm-app-01",
    "holdfast:components:LibvirtVm vm-app-01-vm",
    "holdfast:ssh:HostKey vm-app-01-vm-host-key",
    "libvirt:index/cloudinitDisk:CloudinitDisk vm-app-01-vm-seed",
    "libvirt:index/domain:Domain vm-app-01-vm-domain",
    "libvirt:index/volume:Volume vm-app-01-vm-base",
    "libvirt:index/volume:Volume vm-app-01-vm-root",
  ]);
  expect(recorder.withDefaultProvider()).toEqual([]);
});

test("its domain has the pool's sizes and card, and starts with its host only where that is asked for", async () => {
  await made();
  expect(recorder.find("vm-app-01-vm-domain").inputs).toMatchObject({
    ...{ name: "dev-app-01", vcpu: 4, memory: 8192, autostart: false, running: true },
    description: "Made by holdfast for home.platform-vm.dev-apps",
    networkInterfaces: [{ bridge: "br0", mac: macAddress(args.owner, args.vmName) }],
  });
});

test("its user logs in with the pool's keys and may do everything; root has no key; nothing is installed", async () => {
  await made();
  const login = { name: "opsadmin", lock_passwd: true, sudo: "ALL=(ALL) NOPASSWD:ALL" };
  expect(userData()).toEqual({
    ...{ hostname: "dev-app-01", preserve_hostname: false, disable_root: true, ssh_pwauth: false },
    users: [{ ...login, shell: "/bin/bash", ssh_authorized_keys: ["ssh-ed25519 AAAA ops"] }],
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: "the-private-half\n", ed25519_public: "ssh-ed25519 BBBB dev-app-01" },
  });
  expect(recorder.inTheClear()).not.toContain("the-private-half");
});

test("its card has the static address, the gateway, the name servers and the domain", async () => {
  await made({ mac: "52:54:00:ab:cd:ef" });
  const { networkConfig } = recorder.find("vm-app-01-vm-seed").inputs;
  expect(parse(String(networkConfig)).ethernets.lan).toMatchObject({
    ...{ dhcp4: false, addresses: ["192.0.2.21/24"], routes: [{ to: "default", via: "192.0.2.1" }] },
    nameservers: { search: ["corp.example"], addresses: ["192.0.2.53"] },
  });
  expect(recorder.find("vm-app-01-vm-domain").inputs.networkInterfaces).toEqual([
    { bridge: "br0", mac: "52:54:00:ab:cd:ef" },
  ]);
});

test("what cloud-init sets up makes another instance, which it runs for again; sizes do not", async () => {
  const instance = async (changes: Partial<LibvirtPoolVmArgs>) => {
    recorder.resources.length = 0;
    await made(changes);
    return parse(String(recorder.find("vm-app-01-vm-seed").inputs.metaData))["instance-id"];
  };
  const first = await instance({});
  expect(first).toMatch(/^dev-app-01-[0-9a-f]{12}$/);
  expect(await instance({ memoryMb: 512, cpuCores: 1, onBoot: true })).toBe(first);
  const others = [
    { cidr: "192.0.2.22/24" },
    { user: { name: "opsadmin", keys: ["ssh-ed25519 CCCC ops"] } },
    { dns: { domain: "corp.example", servers: ["192.0.2.54"] } },
  ];
  for (const changes of others) expect(await instance(changes)).not.toBe(first);
});

test("protected are the VM and its disk, and nothing where that is not asked for", async () => {
  const parts = ["base", "root", "seed", "domain"].map((part) => `vm-app-01-vm-${part}`);
  await made();
  expect(parts.map((name) => recorder.optionsOf(name).protect ?? false)).toEqual([false, false, false, false]);
  await made({ protect: true });
  expect(parts.map((name) => recorder.optionsOf(name).protect ?? false)).toEqual([false, true, false, true]);
});

test("the contract hears of the domain's id, the host, the address and an identity of this machine alone", async () => {
  const { vm, identity } = await made();
  const address = await resolved(vm.address);
  expect([address, vm.mac]).toEqual(["192.0.2.21", macAddress(args.owner, args.vmName)]);
  expect(await resolved(vm.hostKey)).toBe("ssh-ed25519 BBBB dev-app-01");
  const vmId = await resolved(vm.vmId);
  const facts = { vmId, node: "192.0.2.10", address, mac: vm.mac, gateway: "192.0.2.1", template: sha256 };
  expect(identity).toBe(identityDigest(facts));
});
