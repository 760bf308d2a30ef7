/**
 * The faults of the simulated Proxmox VE: each happens as often as it was asked for, to what it was asked for, and no more.
 */
import { beforeEach, describe, expect, test } from "vitest";
import { type Api, proxmoxApi } from "../../../fixtures/proxmox-api.fixture.ts";

const clone = "/nodes/pve1/qemu/9000/clone";
let api: Api;

beforeEach(async () => {
  api = await proxmoxApi();
  api.proxmox.addTemplate({ name: "noble", vmid: 9000 });
});

describe("a refusal", () => {
  test("takes the next matching requests, and nothing happens in them", async () => {
    api.proxmox.faults.refuse({ method: "POST", path: "/nodes/*/qemu/*/clone", message: "out of luck", times: 2 });
    expect(await api.send("GET", "/nodes/pve1/qemu/9000/config")).toMatchObject({ status: 200 });
    for (const newid of ["100", "101"]) {
      expect(await api.send("POST", clone, { newid })).toMatchObject({ status: 500, reason: "out of luck" });
    }
    expect(api.proxmox.vms()).toHaveLength(1);
    expect((await api.task("POST", clone, { newid: "100" })).exitstatus).toBe("OK");
  });

  test.each([
    [401, "permission denied - invalid PVE ticket"],
    [403, "Permission check failed"],
    [596, "Connection timed out"],
    [599, "Too many redirections"],
  ])("with status %i has Proxmox VE's words", async (status, reason) => {
    api.proxmox.faults.refuse({ path: /^\/version$/, status });
    expect(await api.send("GET", "/version")).toMatchObject({ status, reason });
  });
});

describe("a dropped connection", () => {
  test("before: nothing was done", async () => {
    api.proxmox.faults.drop({ path: clone });
    await expect(api.send("POST", clone, { newid: "100" })).rejects.toThrow(/socket hang up|ECONNRESET/);
    expect(api.proxmox.vms()).toHaveLength(1);
  });

  test("after: it was done, and only the answer is lost", async () => {
    api.proxmox.faults.drop({ path: clone, when: "after" });
    await expect(api.send("POST", clone, { newid: "100" })).rejects.toThrow(/socket hang up|ECONNRESET/);
    expect(api.proxmox.vms()).toHaveLength(2);
    expect(api.proxmox.requests.at(-1)).toMatchObject({ method: "POST", path: clone, status: 0 });
  });
});

test("a slow task stays running, and stopping the simulation ends it", async () => {
  api.proxmox.faults.slowTask({ type: "qmclone", delayMs: 60_000 });
  const upid = await api.must("POST", clone, { newid: "100" });
  const status = `/nodes/pve1/tasks/${encodeURIComponent(String(upid))}/status`;
  expect(await api.must("GET", status)).toMatchObject({
    status: "running",
    type: "qmclone",
    id: "9000",
    user: "root@pam!holdfast",
  });
});

test("a task that fails ends with that error, takes its lock away, and has done nothing", async () => {
  api.proxmox.faults.failTask({ type: "qmstart", error: "start failed: QEMU exited with code 1" });
  await api.task("POST", clone, { newid: "100" });
  const { exitstatus, log } = await api.task("POST", "/nodes/pve1/qemu/100/status/start");
  expect(exitstatus).toBe("start failed: QEMU exited with code 1");
  expect(log).toEqual(["TASK ERROR: start failed: QEMU exited with code 1"]);
  expect(api.proxmox.vm(100).status).toBe("stopped");
});

test("a fault can be for the tasks of one VM alone", async () => {
  api.proxmox.addTemplate({ name: "other", vmid: 9001 });
  api.proxmox.faults.failTask({ type: "qmclone", id: 9001, error: "clone failed: no" });
  expect((await api.task("POST", clone, { newid: "100" })).exitstatus).toBe("OK");
  expect((await api.task("POST", "/nodes/pve1/qemu/9001/clone", { newid: "101" })).exitstatus).toBe("clone failed: no");
});

test("a clone that fails is gone, and can be made again", async () => {
  api.proxmox.faults.failTask({ type: "qmclone", error: "clone failed: no" });
  await api.task("POST", clone, { newid: "100" });
  expect(api.proxmox.vms()).toHaveLength(1);
  expect((await api.task("POST", clone, { newid: "100" })).exitstatus).toBe("OK");
});

test("an agent never answers until the faults are cleared", async () => {
  await api.task("POST", clone, { newid: "100" });
  await api.task("POST", "/nodes/pve1/qemu/100/status/start");
  const ask = () => api.send("GET", "/nodes/pve1/qemu/100/agent/network-get-interfaces");
  api.proxmox.faults.silenceAgent(100);
  expect(await ask()).toMatchObject({ status: 500, reason: "QEMU guest agent is not running" });
  api.proxmox.faults.clear();
  expect(await ask()).toMatchObject({ status: 200 });
});

test("a full storage makes no volume", async () => {
  api.proxmox.faults.fillStorage("local-lvm");
  const { exitstatus } = await api.task("POST", clone, { newid: "100", full: "1" });
  expect(exitstatus).toMatch(/^clone failed: lvcreate 'pve\/vm-100-disk-0' error: .*free space in thin pool/);
  expect(api.proxmox.vms()).toHaveLength(1);
});
