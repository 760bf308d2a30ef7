/**
 * What a VM on libvirt consists of: its children by type and name (a contract: a rename replaces a machine), their inputs,
 * what is secret, and what must be absent.
 *
 * Not proven here: parents and aliases (mocks cannot: the engine ring does), and that libvirt takes it (the lab ring does).
 */
import * as libvirt from "@pulumi/libvirt";
import { beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { LibvirtVm, type LibvirtVmArgs } from "../../components/vm/libvirt-vm.ts";
import { HoldfastProvider } from "../../resources/sdk.ts";
import { isSecret, Recorder, resolved, settled } from "./recorder.ts";

const privateKey =
  "-----BEGIN OPENSSH PRIVATE KEY-----\nprivate-half-of-the-host-key\n-----END OPENSSH PRIVATE KEY-----\n";
const sha256 = "c".repeat(64);
const args: LibvirtVmArgs = {
  vmName: "foundation-runner-02",
  owner: "home.runners.crunchy",
  pool: "images",
  bridge: "br0",
  image: { path: "/home/operator/.cache/holdfast/image.qcow2", sha256 },
  domainType: "kvm",
  vcpus: 8,
  memoryMb: 32_768,
  diskGb: 100,
  network: { kind: "dhcp", dns: [] },
  authorizedKeys: ["ssh-ed25519 AAAA operator"],
  packages: ["docker.io"],
  services: [],
};

let recorder: Recorder;

beforeEach(async () => {
  recorder = await Recorder.start("runners", {
    "holdfast:ssh:HostKey": { publicKey: "ssh-ed25519 BBBB foundation-runner-02", privateKey },
  });
});

/** Makes the VM and waits until everything of it is registered. */
async function made(changes: Partial<LibvirtVmArgs> = {}) {
  const providers = {
    libvirt: new libvirt.Provider("libvirt", { uri: "qemu+ssh://root@192.0.2.2/system" }),
    holdfast: new HoldfastProvider("holdfast", {}),
  };
  const vm = new LibvirtVm("vm", { ...args, ...changes }, { providers, transformations: [recorder.transformation] });
  // The domain needs all the others.
  await settled(vm.domain);
  await resolved(vm.urn);
  return vm;
}

/** The cloud-init document in the clear. */
function userData(): string {
  const given = recorder.find("vm-seed").inputs.userData;
  return String(isSecret(given) ? given.value : given);
}

test("it consists of exactly these children", async () => {
  await made();
  expect(recorder.resources.map(({ type, name }) => `${type} ${name}`).sort()).toEqual([
    "holdfast:components:LibvirtVm vm",
    "holdfast:ssh:HostKey vm-host-key",
    "libvirt:index/cloudinitDisk:CloudinitDisk vm-seed",
    "libvirt:index/domain:Domain vm-domain",
    "libvirt:index/volume:Volume vm-base",
    "libvirt:index/volume:Volume vm-root",
    "pulumi:providers:holdfast holdfast",
    "pulumi:providers:libvirt libvirt",
  ]);
});

test("every child has the explicit provider of its package; no default provider is asked for", async () => {
  await made();
  expect(recorder.withDefaultProvider()).toEqual([]);
});

test("the domain is as the host needs it", async () => {
  await made();
  expect(recorder.find("vm-domain").inputs).toEqual({
    name: "foundation-runner-02",
    description: "Made by holdfast for home.runners.crunchy",
    type: "kvm",
    vcpu: 8,
    memory: 32_768,
    autostart: true,
    running: true,
    qemuAgent: false,
    cpu: { mode: "host-passthrough" },
    // The seed is a disk like the root: no driver of an IDE or SATA drive is needed to find it.
    disks: [{ volumeId: "vm-root-id" }, { volumeId: "vm-seed-id" }],
    networkInterfaces: [{ bridge: "br0", mac: expect.stringMatching(/^52:54:00:/) }],
    consoles: [{ type: "pty", targetType: "serial", targetPort: "0" }],
    graphics: { type: "vnc", listenType: "address", listenAddress: "127.0.0.1", autoport: true },
  });
});

test("an emulated domain asks for no processor of the host", async () => {
  await made({ domainType: "qemu" });
  expect(recorder.find("vm-domain").inputs).toMatchObject({ type: "qemu" });
  expect(recorder.find("vm-domain").inputs).not.toHaveProperty("cpu");
});

test("the root disk lies over the image, and both are named so that another image makes another base", async () => {
  await made();
  expect(recorder.find("vm-base").inputs).toEqual({
    name: "foundation-runner-02-base-cccccccccccc.qcow2",
    pool: "images",
    source: "/home/operator/.cache/holdfast/image.qcow2",
    format: "qcow2",
  });
  expect(recorder.find("vm-root").inputs).toEqual({
    name: "foundation-runner-02.qcow2",
    pool: "images",
    baseVolumeId: "vm-base-id",
    format: "qcow2",
    size: 100 * 1024 ** 3,
  });
});

test("what has one name on the host is deleted before it is replaced", async () => {
  await made();
  for (const name of ["vm-root", "vm-seed", "vm-domain"]) {
    expect(recorder.optionsOf(name).deleteBeforeReplace, name).toBe(true);
  }
  // The provider takes another bridge for an update in place and does not move the card.
  expect(recorder.optionsOf("vm-domain").replaceOnChanges).toEqual(["networkInterfaces"]);
});

test("where the image lies on this workstation is never compared", async () => {
  await made();
  expect(recorder.optionsOf("vm-base").ignoreChanges).toEqual(["source"]);
});

test("user data is secret, and the private host key is nowhere else", async () => {
  await made();
  expect(isSecret(recorder.find("vm-seed").inputs.userData)).toBe(true);
  expect(parse(userData()).ssh_keys.ed25519_private).toBe(privateKey);
  expect(recorder.inTheClear()).not.toContain("private-half-of-the-host-key");
});

test("the machine gets its host key, the operator's key, its network and no password", async () => {
  await made({ network: { kind: "static", cidr: "192.0.2.16/24", gateway: "192.0.2.1", dns: [] } });
  expect(parse(userData())).toMatchObject({
    hostname: "foundation-runner-02",
    ssh_pwauth: false,
    users: [{ name: "root", lock_passwd: true, ssh_authorized_keys: ["ssh-ed25519 AAAA operator"] }],
    ssh_keys: { ed25519_public: "ssh-ed25519 BBBB foundation-runner-02" },
  });
  const { metaData, networkConfig } = recorder.find("vm-seed").inputs;
  expect(parse(String(networkConfig)).ethernets.lan.addresses).toEqual(["192.0.2.16/24"]);
  expect(parse(String(metaData))["instance-id"]).toBe("foundation-runner-02");
  expect(userData().replace("lock_passwd", "")).not.toMatch(/passw/i);
});

test("no display but the one on loopback, no agent to wait for, no transient machine", async () => {
  await made();
  expect(JSON.stringify(recorder.resources)).not.toMatch(/spice|0\.0\.0\.0|waitForLease/);
});

test("it gives the domain's id and the key that the machine answers with", async () => {
  const vm = await made();
  expect(await resolved(vm.vmId)).toBe("vm-domain-id");
  expect(await resolved(vm.hostKey)).toBe("ssh-ed25519 BBBB foundation-runner-02");
});

test("a fenced VM's tap gets its name by the provider's stylesheet, and another stylesheet replaces no VM", async () => {
  await made({ tap: "hf0123456789ab" });
  const { xslt } = recorder.find("vm-domain").inputs.xml as { xslt: string };
  expect(xslt).toContain('<target dev="hf0123456789ab"/>');
});

test("any other VM leaves its tap to libvirt", async () => {
  await made();
  expect(recorder.find("vm-domain").inputs).not.toHaveProperty("xml");
});
