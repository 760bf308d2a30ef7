/**
 * The rules for VMs in the simulated Proxmox VE, through its API: what is refused, in which words, and what comes out.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { type Api, proxmoxApi } from "../../../fixtures/proxmox-api.fixture.ts";

const base = "/nodes/pve1/qemu";
let api: Api;
let template: number;

beforeEach(async () => {
  api = await proxmoxApi();
  template = api.proxmox.addTemplate({ name: "noble", vmid: 9000, config: { ide2: "local-lvm:cloudinit" } });
});

async function cloned(vmid: number, fields: Record<string, string> = {}): Promise<string> {
  await api.task("POST", `${base}/${template}/clone`, {
    newid: String(vmid),
    name: `vm-${vmid}`,
    full: "1",
    ...fields,
  });
  return `${base}/${vmid}`;
}
const refused = async (method: string, path: string, fields?: Record<string, string>) => {
  const { status, reason } = await api.send(method, path, fields);
  return `${status} ${reason}`;
};

describe("ids", () => {
  test("the next one is the first that is free; one that is taken is refused", async () => {
    expect(await api.must("GET", "/cluster/nextid")).toBe("100");
    await cloned(100);
    expect(await api.must("GET", "/cluster/nextid")).toBe("101");
    expect((await api.send("GET", "/cluster/nextid", { vmid: "100" })).body.errors).toEqual({
      vmid: "VM 100 already exists",
    });
  });

  test("are not given twice", async () => {
    await cloned(100);
    expect(await refused("POST", `${base}/9000/clone`, { newid: "100" })).toBe(
      "500 unable to create VM 100: config file already exists",
    );
    expect(await refused("POST", base, { vmid: "100" })).toContain("VM 100 already exists on node 'pve1'");
  });
});

describe("creating", () => {
  test("imports a disk as large as the image, makes a cloud-init drive, sorts tags, hides the password", async () => {
    api.proxmox.publish("https://images.example/x.qcow2", { size: 10, virtualSize: 3 * 1024 ** 3, sha256: "ab" });
    const download = { content: "import", filename: "x.qcow2", url: "https://images.example/x.qcow2" };
    await api.task("POST", "/nodes/pve1/storage/local/download-url", download);
    await api.task("POST", base, {
      vmid: "100",
      scsi0: "file=local-lvm:0,import-from=local:import/x.qcow2,discard=on",
      ide2: "file=local-lvm:cloudinit,",
      tags: "Zeta;alpha",
      cipassword: "planted",
      cores: "2",
    });
    expect(await api.must("GET", `${base}/100/config`)).toMatchObject({
      scsi0: "local-lvm:vm-100-disk-0,discard=on,size=3G",
      ide2: "local-lvm:vm-100-cloudinit,media=cdrom,size=4M",
      tags: "alpha;zeta",
      cipassword: "**********",
      cores: 2,
      digest: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
    expect(JSON.stringify(api.proxmox.requests)).not.toContain("planted");
  });

  test("that fails half-way leaves neither VM nor volumes", async () => {
    const { exitstatus } = await api.task("POST", base, {
      vmid: "100",
      scsi0: "local-lvm:1",
      net0: "virtio,bridge=nowhere",
    });
    expect(exitstatus).toBe("unable to create VM 100 - bridge 'nowhere' does not exist");
    expect(api.proxmox.vms().map(({ vmid }) => vmid)).toEqual([9000]);
    expect(api.proxmox.volumes("local-lvm").filter(({ vmid }) => vmid === 100)).toEqual([]);
  });
});

describe("cloning", () => {
  test("makes new MAC addresses, another identity, its own volumes, and no template", async () => {
    await cloned(100, { name: "dev-pgha-01" });
    const [copy, source] = [api.proxmox.vm("dev-pgha-01").config, api.proxmox.vm("noble").config];
    expect(copy).toMatchObject({
      scsi0: "local-lvm:vm-100-disk-0,size=4G",
      ide2: expect.stringContaining("vm-100-cloudinit"),
    });
    for (const key of ["net0", "smbios1", "vmgenid"]) expect(copy[key]).not.toBe(source[key]);
    expect(copy).not.toHaveProperty("template");
  });

  test("linked only from a template, and without a storage", async () => {
    await cloned(100);
    expect(await refused("POST", `${base}/100/clone`, { newid: "101", full: "0" })).toBe(
      "500 Linked clone feature is not supported for drive 'scsi0' (local-lvm:vm-100-disk-0)",
    );
    expect(await refused("POST", `${base}/9000/clone`, { newid: "101", full: "0", storage: "local-lvm" })).toBe(
      "500 parameter 'storage' not allowed for linked clones",
    );
    await cloned(101, { full: "0" });
    expect(api.proxmox.vm(101).config.scsi0).toBe("local-lvm:base-9000-disk-0/vm-101-disk-0,size=4G");
    const { exitstatus } = await api.task("DELETE", `${base}/9000`);
    expect(exitstatus).toBe("base volume 'local-lvm:base-9000-disk-0' is still in use by linked clones");
  });

  test("locks the clone until it is done, and frees it whatever happens", async () => {
    api.proxmox.faults.slowTask({ type: "qmclone", delayMs: 60_000 });
    await api.must("POST", `${base}/9000/clone`, { newid: "100" });
    expect(await api.must("GET", `${base}/100/status/current`)).toMatchObject({ lock: "clone" });
    expect(await refused("PUT", `${base}/100/config`, { cores: "2" })).toBe("500 VM is locked (clone)");
    expect(await refused("POST", `${base}/100/status/start`)).toBe("500 VM is locked (clone)");
    await cloned(101);
    expect(api.proxmox.vm(101)).not.toHaveProperty("lock");
  });

  test("of a VM that is not there says so", async () => {
    expect(await refused("POST", `${base}/7777/clone`, { newid: "100" })).toBe(
      "500 Configuration file 'nodes/pve1/qemu-server/7777.conf' does not exist",
    );
  });
});

describe("configuring", () => {
  test("a digest that is out of date is refused", async () => {
    const vm = await cloned(100);
    const { digest } = (await api.must("GET", `${vm}/config`)) as { digest: string };
    await api.must("PUT", `${vm}/config`, { cores: "2", digest });
    expect(await refused("PUT", `${vm}/config`, { cores: "4", digest })).toContain(
      "500 detected modified configuration",
    );
  });

  test("a disk that is taken out becomes unused, and its volume stays", async () => {
    const vm = await cloned(100);
    await api.must("PUT", `${vm}/config`, { delete: "scsi0,net31" });
    expect(api.proxmox.vm(100).config).toMatchObject({ unused0: "local-lvm:vm-100-disk-0" });
    expect(api.proxmox.volumes("local-lvm").map(({ volid }) => volid)).toContain("local-lvm:vm-100-disk-0");
  });

  test("a disk moves to another storage, and leaves its volume only when it is to", async () => {
    const storages = ["one", "two"].map((id) => ({ id, type: "lvmthin", content: ["images"] }));
    const other = await proxmoxApi({ storages });
    await other.task("POST", base, { vmid: "100", scsi0: "one:4,ssd=1" });
    const move = (storage: string, fields = {}) =>
      other.task("POST", `${base}/100/move_disk`, { disk: "scsi0", storage, ...fields });
    await move("two", { delete: "1" });
    expect(other.proxmox.vm(100).config.scsi0).toBe("two:vm-100-disk-0,size=4G,ssd=1");
    expect(other.proxmox.volumes("one")).toEqual([]);
    await move("one");
    expect(other.proxmox.vm(100).config).toMatchObject({ unused0: "two:vm-100-disk-0" });
    expect(await other.send("POST", `${base}/100/move_disk`, { disk: "scsi0", storage: "one" })).toMatchObject({
      reason: "you can't move to the same storage with same format",
    });
  });

  test("disks grow and never shrink", async () => {
    const vm = await cloned(100);
    expect((await api.task("PUT", `${vm}/resize`, { disk: "scsi0", size: "+4G" })).exitstatus).toBe("OK");
    expect(api.proxmox.vm(100).config.scsi0).toBe("local-lvm:vm-100-disk-0,size=8G");
    const { exitstatus, log } = await api.task("PUT", `${vm}/resize`, { disk: "scsi0", size: "4294967296" });
    expect(exitstatus).toBe("shrinking disks is not supported");
    expect(log.at(-1)).toBe("TASK ERROR: shrinking disks is not supported");
    expect(await refused("PUT", `${vm}/resize`, { disk: "scsi7", size: "9G" })).toBe("500 disk 'scsi7' does not exist");
  });
});

describe("running", () => {
  test("a template does not start; a VM starts once; one that runs is not destroyed", async () => {
    expect(await refused("POST", `${base}/9000/status/start`)).toBe("500 you can't start a vm if it's a template");
    const vm = await cloned(100);
    expect((await api.task("POST", `${vm}/status/start`)).exitstatus).toBe("OK");
    expect(await refused("POST", `${vm}/status/start`)).toBe("500 VM 100 already running");
    expect(await refused("DELETE", vm)).toBe("500 VM 100 is running - destroy failed");
    await api.task("POST", `${vm}/status/shutdown`);
    expect((await api.task("DELETE", `${vm}/`)).exitstatus).toBe("OK");
    expect(await refused("GET", `${vm}/status/current`)).toContain("'nodes/pve1/qemu-server/100.conf' does not exist");
    expect(api.proxmox.volumes("local-lvm").filter(({ vmid }) => vmid === 100)).toEqual([]);
  });

  test("a VM starts only where every snippet of its cloud-init drive is there", async () => {
    const vm = await cloned(100);
    await api.must("PUT", `${vm}/config`, { cicustom: "user=local:snippets/none.yaml" });
    const { exitstatus } = await api.task("POST", `${vm}/status/start`);
    expect(exitstatus).toBe("volume 'local:snippets/none.yaml' does not exist");
    expect(await api.must("GET", `${vm}/status/current`)).toMatchObject({ status: "stopped" });
    const path = mkdtempSync(join(tmpdir(), "holdfast-snippets-"));
    mkdirSync(join(path, "snippets"));
    writeFileSync(join(path, "snippets", "user.yaml"), "#cloud-config\n");
    const other = await proxmoxApi({ storages: [{ id: "local", type: "dir", path, content: ["images", "snippets"] }] });
    const config = { cicustom: "user=local:snippets/user.yaml" };
    other.proxmox.addTemplate({ name: "noble", vmid: 9000, storage: "local", config });
    await other.task("POST", `${base}/9000/clone`, { newid: "100", full: "1" });
    expect((await other.task("POST", `${base}/100/status/start`)).exitstatus).toBe("OK");
  });

  test("a protected VM is not destroyed", async () => {
    const vm = await cloned(100);
    await api.must("PUT", `${vm}/config`, { protection: "1" });
    expect(await refused("DELETE", vm)).toBe("500 can't remove VM 100 - protection mode enabled");
  });

  test("the agent answers with what cloud-init configured, MAC addresses as the guest shows them", async () => {
    const vm = await cloned(100);
    const nets = { net0: "virtio=BC:24:11:00:00:01,bridge=vnetdev", net1: "virtio,bridge=vnetddev" };
    await api.must("PUT", `${vm}/config`, {
      ...nets,
      ipconfig0: "ip=10.12.0.21/24,gw=10.12.0.1",
      ipconfig1: "ip=dhcp",
    });
    expect(await refused("GET", `${vm}/agent/network-get-interfaces`)).toBe("500 VM 100 is not running");
    await api.task("POST", `${vm}/status/start`);
    const { result } = (await api.must("GET", `${vm}/agent/network-get-interfaces`)) as { result: object[] };
    expect(result).toMatchObject([
      { name: "lo" },
      {
        name: "eth0",
        "hardware-address": "bc:24:11:00:00:01",
        "ip-addresses": [{ "ip-address": "10.12.0.21", "ip-address-type": "ipv4", prefix: 24 }],
      },
      { name: "eth1", "ip-addresses": [{ "ip-address": "192.0.2.100" }] },
    ]);
  });

  test("an agent that is switched off says so", async () => {
    const vm = await cloned(100);
    await api.must("PUT", `${vm}/config`, { agent: "0" });
    await api.task("POST", `${vm}/status/start`);
    expect(await refused("GET", `${vm}/agent/network-get-interfaces`)).toBe("500 No QEMU guest agent configured");
  });
});

test("the lab is told of each start, stop and end, and can fail a start", async () => {
  const seen: string[] = [];
  const other = await proxmoxApi({
    onStart: ({ config, addresses }) => {
      if (config.name === "broken") throw new Error("no sshd for it");
      seen.push(`start ${config.name} ${addresses.net0}`);
    },
    onStop: ({ config }) => void seen.push(`stop ${config.name}`),
    onDestroy: ({ config }) => void seen.push(`destroy ${config.name}`),
    lease: () => "198.51.100.77/24",
  });
  other.proxmox.addTemplate({ name: "noble", vmid: 9000 });
  for (const [newid, name] of [
    ["100", "good"],
    ["101", "broken"],
  ] as const) {
    await other.task("POST", `${base}/9000/clone`, { newid, name });
  }
  await other.task("POST", `${base}/100/status/start`);
  expect((await other.task("POST", `${base}/101/status/start`)).exitstatus).toBe("no sshd for it");
  await other.task("POST", `${base}/100/status/stop`);
  await other.task("DELETE", `${base}/100`);
  expect(seen).toEqual(["start good 198.51.100.77/24", "stop good", "destroy good"]);
});
