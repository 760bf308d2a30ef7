/**
 * The real engine and the real provider for Proxmox VE against the simulated API: proves what the provider does with a
 * template and its clones, and in which words it passes on each fault. It never proves that a real Proxmox VE agrees.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SimulatedProxmox, startProxmox } from "../../lab/proxmox/simulator.ts";
import { Engine } from "./engine.ts";

const imageUrl = "https://images.example/noble.qcow2";
const imageSha256 = "ab".repeat(32);

let engine: Engine;
let proxmox: SimulatedProxmox;

beforeAll(async () => {
  const storages = [
    { id: "local", type: "dir", content: ["import", "iso", "snippets"] },
    { id: "local-lvm", type: "lvmthin", content: ["images"] },
    { id: "full-lvm", type: "lvmthin", content: ["images"] },
  ];
  proxmox = await startProxmox({ storages });
  engine = await Engine.open("proxmoxve");
  const certificate = join(engine.env.HOME ?? "", "proxmox.pem");
  writeFileSync(certificate, proxmox.certificate);
  // The provider keeps a lock for free ids in its temporary directory, which all stacks of a machine would share. Its
  // warnings are shown only when they are asked for.
  Object.assign(engine.env, { SSL_CERT_FILE: certificate, TMPDIR: engine.env.HOME, TF_LOG: "WARN" });
});
afterAll(async () => {
  engine?.close();
  await proxmox?.stop();
});

async function init(project: string, settings: Record<string, string>, token: string): Promise<void> {
  await engine.init(project, "dev", { endpoint: proxmox.url, ...settings }, { apiToken: token });
}
const setToken = (project: string, token: string) =>
  engine.must(project, "config", "set-all", "--stack", "dev", "--secret", `apiToken=${token}`);

describe("a template and its clone", () => {
  const project = "test/engine/programs/proxmox-bare";
  const run = (...args: string[]) => engine.must(project, ...args, "--stack", "dev");
  const since = (count: number) => proxmox.requests.slice(count).map(({ method, path }) => `${method} ${path}`);

  beforeAll(async () => {
    proxmox.publish(imageUrl, { size: 600 * 1024 ** 2, virtualSize: 3.5 * 1024 ** 3, sha256: imageSha256 });
    await init(project, { imageUrl, imageSha256 }, proxmox.token);
    await run("up", "--yes", "--skip-preview");
  });

  it("are what the program says, and the agent's addresses come out", async () => {
    const outputs = await engine.outputs(project, "dev");
    const vm = proxmox.vm("dev-pgha-01");
    expect(outputs.addresses.slice(1)).toEqual([["10.12.0.21"], ["192.0.2.100"]]);
    expect(outputs.macs.slice(1)).toEqual([0, 1].map((n) => /virtio=([^,]+)/.exec(String(vm.config[`net${n}`]))?.[1]));
    expect(outputs.vmId).toBe(vm.vmid);
    expect(proxmox.vm("template").config).toMatchObject({ template: 1, scsi0: expect.stringContaining("size=4G") });
    expect(vm).toMatchObject({
      status: "running",
      config: {
        tags: "holdfast;pgha",
        scsi0: expect.stringContaining("size=8G"),
        net0: expect.stringContaining("bridge=vnetdev,firewall=0,tag=120"),
        net1: expect.stringContaining("bridge=vnetddev"),
        ipconfig0: "gw=10.12.0.1,ip=10.12.0.21/24",
        ciuser: "ops",
        ide3: "none,media=cdrom",
      },
    });
  });

  it("preview clean, also after a refresh, which changes nothing", async () => {
    await run("preview", "--expect-no-changes");
    await run("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    await run("preview", "--expect-no-changes");
  });

  it("grow in place, the VM shut down in between", async () => {
    const before = proxmox.vm("dev-pgha-01").config.net0;
    const count = proxmox.requests.length;
    engine.configure(project, "dev", { "proxmox-bare:diskGib": 10, "proxmox-bare:memoryMib": 2048 });
    await run("up", "--yes", "--skip-preview");
    const { status, config, vmid } = proxmox.vm("dev-pgha-01");
    expect(config).toMatchObject({ memory: "2048", scsi0: expect.stringContaining("size=10G"), net0: before });
    expect(status).toBe("running");
    const steps = since(count).filter((request) => /^P.*(shutdown|resize|start)$/.test(request));
    expect(steps.map((step) => step.replace(`/nodes/pve1/qemu/${vmid}`, ""))).toEqual([
      "POST /status/shutdown",
      "PUT /resize",
      "POST /status/start",
    ]);
  });

  it("never shrink", async () => {
    engine.configure(project, "dev", { "proxmox-bare:diskGib": 6 });
    const { exitCode, stdout, stderr } = await engine.pulumi(
      project,
      "up",
      "--yes",
      "--skip-preview",
      "--stack",
      "dev",
    );
    expect(exitCode).not.toBe(0);
    expect(stdout + stderr).toMatch(/Cannot shrink local-lvm:vm-\d+-disk-0 in VM \d+, it is not supported!/);
    expect(proxmox.vm("dev-pgha-01").config.scsi0).toContain("size=10G");
  });

  it("leave nothing after destroy, and secrets nowhere in the clear", async () => {
    const [, secret = ""] = proxmox.token.split("=");
    expect(await engine.state(project, "dev")).not.toContain(secret);
    await run("destroy", "--yes", "--skip-preview");
    expect(proxmox.vms()).toEqual([]);
    for (const storage of ["local", "local-lvm"]) expect(proxmox.volumes(storage)).toEqual([]);
  });
});

describe("each fault", () => {
  const project = "test/engine/programs/proxmox-clones";
  const clone = (vmid: number) => ({ method: "POST", path: `/nodes/pve1/qemu/${vmid}/clone` });
  const clones = {
    slow: 9000,
    refused: 9001,
    unauthorised: 9002,
    forbidden: 9003,
    unreachable: 9004,
    dropped: 9005,
    failed: 9006,
    full: 9007,
    silent: 9008,
    unanswered: 9009,
    unstarted: 9010,
  };
  /** What the provider says of each; `slow` is waited for, and nothing is said of it. */
  const words: Partial<Record<keyof typeof clones, string>> = {
    refused: "error cloning VM: received an HTTP 500 response - Reason: out of workers",
    unauthorised: "received an HTTP 401 response - Reason: permission denied - invalid PVE ticket",
    forbidden: "received an HTTP 403 response - Reason: Permission check failed (/vms/9003, VM.Clone)",
    unreachable: "received an HTTP 596 response - Reason: Connection timed out",
    dropped: '/api2/json/nodes/pve1/qemu/9005/clone": EOF',
    failed: "failed to complete with exit code: clone failed: storage went away",
    full: "free space in thin pool pve/data reached threshold",
    silent: 'timeout while waiting for the QEMU agent on VM "1008" to publish the network interfaces',
    unanswered: '/api2/json/nodes/pve1/qemu/9009/clone": EOF',
    unstarted: "failed to complete with exit code: start failed: QEMU exited with code 1",
  };
  const up = () => engine.pulumi(project, "up", "--yes", "--skip-preview", "--continue-on-error", "--stack", "dev");
  const names = () => proxmox.vms().flatMap(({ config }) => (config.template === 1 ? [] : [String(config.name)]));

  /** What is said of each resource below `Diagnostics:`. */
  function diagnostics(stdout: string): Record<string, string> {
    const [, ...blocks] = stdout.split(/^ {2}proxmoxve:index:VmLegacy \(/m);
    return Object.fromEntries(
      blocks.map((block) => [block.slice(0, block.indexOf(")")), block.split(/^ {2}\S/m)[0] ?? ""]),
    );
  }

  beforeAll(async () => {
    for (const [name, vmid] of Object.entries(clones)) {
      proxmox.addTemplate({ name: `for-${name}`, vmid, storage: name === "full" ? "full-lvm" : "local-lvm" });
    }
    const token = proxmox.addToken("ops@pve!ci", { "/": ["*"], "/vms/9003": ["VM.Audit"] });
    await init(project, { clones: JSON.stringify(clones) }, token);
  });

  it("is passed on in the provider's words, and what it left is seen", async () => {
    const { faults } = proxmox;
    faults.slowTask({ type: "qmclone", id: 9000, delayMs: 1_500 });
    faults.refuse({ ...clone(9001), message: "out of workers" });
    faults.refuse({ ...clone(9002), status: 401 });
    faults.refuse({ ...clone(9004), status: 596 });
    faults.drop(clone(9005));
    faults.failTask({ type: "qmclone", id: 9006, error: "clone failed: storage went away" });
    faults.fillStorage("full-lvm");
    faults.silenceAgent(clones.silent - 8000);
    faults.drop({ ...clone(9009), when: "after" });
    faults.failTask({ type: "qmstart", id: clones.unstarted - 8000, error: "start failed: QEMU exited with code 1" });
    const { exitCode, stdout } = await up();
    const output = diagnostics(stdout);
    expect(exitCode).not.toBe(0);
    for (const [name, text] of Object.entries(words)) expect(output[name]).toContain(text);
    // Both are created, though one never answers: whether a VM can be reached is for a gate of our own to say.
    expect([proxmox.vm("slow").status, proxmox.vm("silent").status]).toEqual(["running", "running"]);
    // The answer was lost, the VM was made, and no state knows it.
    expect(names().sort()).toEqual(["silent", "slow", "unanswered", "unstarted"]);
    expect(await engine.state(project, "dev")).not.toContain('VmLegacy::unanswered"');
  });

  it("heals with the next up, but for a VM whose answer was lost", async () => {
    proxmox.faults.clear();
    await setToken(project, proxmox.token);
    const { stdout } = await up();
    const { unanswered, ...others } = clones;
    const orphan = unanswered - 8000;
    expect(diagnostics(stdout).unanswered).toContain(`unable to create VM ${orphan}: config file already exists`);
    expect(Object.keys(others).filter((name) => proxmox.vm(name).status !== "running")).toEqual([]);
  });

  it("of a destroy: a locked VM stays as it is, a protected one is shut down and stays", async () => {
    proxmox.vm("slow").lock = "backup";
    proxmox.vm("silent").config.protection = 1;
    const destroy = () =>
      engine.pulumi(project, "destroy", "--yes", "--skip-preview", "--continue-on-error", "--stack", "dev");
    const output = diagnostics((await destroy()).stdout);
    expect(output.slow).toContain("VM is locked (backup)");
    expect(output.silent).toContain("can't remove VM 1008 - protection mode enabled");
    expect(proxmox.vm("slow").status).toBe("running");
    expect(proxmox.vm("silent").status).toBe("stopped");
    delete proxmox.vm("slow").lock;
    proxmox.vm("silent").config.protection = 0;
    expect((await destroy()).exitCode).toBe(0);
    expect(names()).toEqual(["unanswered"]);
  });
});
