/**
 * Storages of the simulated Proxmox VE: downloads with their checksum, uploads, snippets as files, and what is full.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { type Api, proxmoxApi } from "../../../fixtures/proxmox-api.fixture.ts";

const storage = "/nodes/pve1/storage/local";
const url = "https://images.example/x.qcow2";
const download = { content: "import", filename: "x.qcow2", url };
let api: Api;

beforeEach(async () => {
  api = await proxmoxApi();
  api.proxmox.publish(url, { size: 100, virtualSize: 2 * 1024 ** 3, sha256: "ab".repeat(32) });
});

test("an image is downloaded once, listed, and removed", async () => {
  expect(await api.must("GET", "/nodes/pve1/query-url-metadata", { url })).toMatchObject({
    filename: "x.qcow2",
    size: 100,
  });
  const checksum = { checksum: "AB".repeat(32), "checksum-algorithm": "sha256" };
  expect((await api.task("POST", `${storage}/download-url`, { ...download, ...checksum })).exitstatus).toBe("OK");
  expect(await api.must("GET", `${storage}/content`, { content: "import" })).toMatchObject([
    { volid: "local:import/x.qcow2", format: "qcow2", size: 100 },
  ]);
  expect(await api.send("POST", `${storage}/download-url`, download)).toMatchObject({
    status: 500,
    reason: "refusing to override existing file 'x.qcow2'",
  });
  await api.task("DELETE", `${storage}/content/local:import%2Fx.qcow2`);
  expect(api.proxmox.volumes("local")).toEqual([]);
});

test("a checksum that differs and an address without a file end the download, and leave nothing", async () => {
  const { exitstatus } = await api.task("POST", `${storage}/download-url`, { ...download, checksum: "cd" });
  expect(exitstatus).toBe(`checksum mismatch: got '${"ab".repeat(32)}' != expect 'cd'`);
  const lost = await api.task("POST", `${storage}/download-url`, { ...download, url: "https://images.example/y" });
  expect(lost.exitstatus).toBe("download failed: 404 Not Found");
  expect(api.proxmox.volumes("local")).toEqual([]);
});

test("a storage takes only what it is configured for", async () => {
  const { reason } = await api.send("POST", "/nodes/pve1/storage/local-lvm/download-url", download);
  expect(reason).toBe("storage 'local-lvm' is not configured for content-type 'import'");
  const { exitstatus } = await api.task("POST", "/nodes/pve1/qemu", { vmid: "100", scsi0: "local:4" });
  expect(exitstatus).toBe("unable to create VM 100 - storage 'local' does not support vm images");
});

test("snippets are the files that lie in the storage's directory", async () => {
  const path = mkdtempSync(join(tmpdir(), "holdfast-snippets-"));
  const other = await proxmoxApi({ storages: [{ id: "local", type: "dir", path, content: ["snippets"] }] });
  mkdirSync(join(path, "snippets"));
  writeFileSync(join(path, "snippets", "user.yaml"), "#cloud-config\n");
  expect(await other.must("GET", "/storage/local")).toMatchObject({ path, content: "snippets" });
  const list = () => other.must("GET", `${storage}/content`, { content: "snippets" });
  expect(await list()).toMatchObject([{ volid: "local:snippets/user.yaml", size: 14 }]);
  await other.task("DELETE", `${storage}/content/local:snippets%2Fuser.yaml`);
  expect(await list()).toEqual([]);
});

test("a storage is full when its bytes are used up", async () => {
  const storages = [{ id: "small", type: "dir", content: ["images"], total: 5 * 1024 ** 3 }];
  const other = await proxmoxApi({ storages });
  expect((await other.task("POST", "/nodes/pve1/qemu", { vmid: "100", scsi0: "small:4" })).exitstatus).toBe("OK");
  expect(other.proxmox.vm(100).config.scsi0).toBe("small:100/vm-100-disk-0.qcow2,size=4G");
  const { exitstatus } = await other.task("POST", "/nodes/pve1/qemu", { vmid: "101", scsi0: "small:4" });
  expect(exitstatus).toContain("No space left on device");
});
