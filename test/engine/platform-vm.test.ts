/**
 * A pool of VMs from its stack file to its outputs: the real engine and the real provider against the simulated Proxmox VE,
 * with a real SSH server for every VM to be ready by. It never proves that a real Proxmox VE agrees.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SimulatedProxmox, startProxmox } from "../../lab/proxmox/simulator.ts";
import { keyPair, type StandIn, sshServer } from "../unit/ssh-host.fixture.ts";
import { Engine } from "./engine.ts";

const project = "platform-vm";
/** The pool's own API token. */
const poolToken = "ci@pve!pools";
let engine: Engine;
let proxmox: SimulatedProxmox;
let guests: StandIn;
let template: number;
/** All of them answer with the same host key: that of the one server. */
const hostKey = keyPair();

/** VMs on loopback, where the one SSH server answers for all of them. */
const card = (last: number) => ({
  bridge: "vnetenv",
  ipv4: { address: `127.0.20.${last}/24`, gateway: "127.0.20.1" },
});
const vm = (last: number, more: object = {}) => ({ role: "app", interfaces: [card(last)], ...more });

const run = (...args: string[]) => engine.must(project, ...args, "--stack", "dev-apps");
const tryTo = (...args: string[]) => engine.pulumi(project, ...args, "--stack", "dev-apps");
const up = ["up", "--yes", "--skip-preview"];
const set = (values: Record<string, string>) =>
  run("config", "set-all", ...Object.entries(values).flatMap(([key, value]) => ["--plaintext", `${key}=${value}`]));
const pool = (vms: object) => engine.configure(project, "dev-apps", { "platform-vm:vms": vms });
const outputs = async () => JSON.parse(await run("stack", "output", "--json"));

beforeAll(async () => {
  const storages = [
    { id: "local", type: "dir", content: ["import", "iso", "snippets"] },
    { id: "local-lvm", type: "lvmthin", content: ["images"] },
  ];
  proxmox = await startProxmox({ storages });
  template = proxmox.addTemplate({ name: "ubuntu-24.04-template", diskGib: 4 });
  engine = await Engine.open("proxmoxve");
  const certificate = join(engine.env.HOME ?? "", "proxmox.pem");
  writeFileSync(certificate, proxmox.certificate);
  const operator = keyPair();
  const keyFile = join(engine.env.HOME ?? "", "id_ed25519");
  writeFileSync(keyFile, operator.private, { mode: 0o600 });
  Object.assign(engine.env, {
    SSL_CERT_FILE: certificate,
    TMPDIR: engine.env.HOME,
    RUNNER_SSH_KEY_PATH: keyFile,
    SSH_AUTH_SOCK: "",
  });
  guests = await sshServer({
    address: "0.0.0.0",
    hostKey,
    allowed: operator.public,
    answer: () => ({ stdout: "status: done\n" }),
  });

  await engine.must(project, "stack", "init", "dev-apps");
  await set({
    env: "dev",
    "proxmox.endpoint": proxmox.url,
    template_vm_id: String(template),
    node_name: "pve1",
    require_ipam: "false",
    disk_size_gb: "8",
    memory_mb: "1024",
  });
  await run("config", "set-all", "--secret", `proxmox.token=${proxmox.addToken(poolToken, { "/": ["*"] })}`);
  engine.configure(project, "dev-apps", {
    "platform-vm:post_apply_ssh_readiness": {
      target_port: guests.port,
      connectivity_timeout_s: 5,
      connectivity_wait_s: 5,
    },
  });
  pool({ "pgha-01": vm(11, { role: "db", cpu_cores: 4, startup_order: 3 }), "app-01": vm(12) });
  await run(...up);
});

afterAll(async () => {
  engine?.close();
  await proxmox?.stop();
  await guests?.stop();
});

it("are what the stack file says, and the outputs say which they are", async () => {
  const said = await outputs();
  expect(said).toMatchObject({
    vm_keys: ["app-01", "pgha-01"],
    vm_names: ["dev-app-01", "dev-pgha-01"],
    ipv4_addresses: { "pgha-01": "127.0.20.11", "app-01": "127.0.20.12" },
    status: "ok",
    evidence_dir: expect.stringContaining("/evidence/platform-vm/dev-apps/"),
    vms: { contract: "vms@1", env: "dev", vms: { "pgha-01": { name: "dev-pgha-01", node: "pve1" } } },
  });
  const made = proxmox.vm("dev-pgha-01");
  expect(said.vm_ids["pgha-01"]).toBe(made.vmid);
  expect(made).toMatchObject({
    status: "running",
    config: {
      cores: 4,
      tags: "custom-vm;db;holdfast.site.platform-vm.dev-apps;onprem;platform",
      scsi0: expect.stringContaining("size=8G"),
      net0: expect.stringContaining("bridge=vnetdev"),
      ipconfig0: "gw=127.0.20.1,ip=127.0.20.11/24",
      ciuser: "opsadmin",
      nameserver: "8.8.8.8",
      searchdomain: "hybzone.local",
      startup: expect.stringContaining("order=3"),
    },
  });
  expect(said.mac_addresses_primary["pgha-01"]).toMatch(/^([0-9A-F]{2}:){5}[0-9A-F]{2}$/);
  expect(String(made.config.net0)).toContain(said.mac_addresses_primary["pgha-01"]);
});

it("preview clean, and after a refresh too", async () => {
  await run("preview", "--expect-no-changes");
  await run("refresh", "--yes", "--skip-preview", "--expect-no-changes");
  await run("preview", "--expect-no-changes");
});

it("grow when they are told to, and never shrink: nothing is changed then", async () => {
  pool({
    "pgha-01": vm(11, { role: "db", cpu_cores: 4, startup_order: 3 }),
    "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048 }),
  });
  await run(...up);
  const grown = proxmox.vm("dev-app-01");
  expect(grown.config).toMatchObject({ scsi0: expect.stringContaining("size=12G"), memory: "2048" });
  const before = proxmox.requests.filter(({ method }) => method !== "GET").length;
  pool({
    "pgha-01": vm(11, { role: "db", cpu_cores: 4, startup_order: 3 }),
    "app-01": vm(12, { disk_size_gb: 10, memory_mb: 2048 }),
  });
  const refused = await tryTo("preview");
  expect(refused.exitCode).toBeGreaterThan(0);
  expect(refused.stdout + refused.stderr).toContain("is 10, and the disk has 12 GiB; a disk is never made smaller");
  expect(proxmox.requests.filter(({ method }) => method !== "GET")).toHaveLength(before);
});

it("come in addition, shown; go only with a permission for that change", async () => {
  const kept = { "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048 }), "app-02": vm(13) };
  pool({ "pgha-01": vm(11, { role: "db", cpu_cores: 4, startup_order: 3 }), ...kept });
  expect((await tryTo("preview")).stdout).toContain("VMs that come to those that stand: app-02");
  await run(...up);
  pool(kept);
  const refused = await tryTo(...up);
  expect(refused.exitCode).toBeGreaterThan(0);
  const said = refused.stdout + refused.stderr;
  expect(said).toMatch(/vm set collision detected: .*existing_only=\[pgha-01\], requested_only=\[\]/);
  expect(proxmox.vm("dev-pgha-01").status).toBe("running");
  const digest = /allow_vm_set_replace ([0-9a-f]{16})/.exec(said)?.[1] ?? "";
  await set({ allow_vm_set_replace: digest });
  await run(...up);
  expect(proxmox.vms().map(({ config }) => config.name)).not.toContain("dev-pgha-01");
  await run("config", "rm", "allow_vm_set_replace");
  await run("preview", "--expect-no-changes");
});

it("that nobody can log in to fail the update and stay in the state; the next one goes on", async () => {
  const { port } = guests;
  await guests.stop();
  const drifted = await tryTo("preview", "--diff");
  expect(drifted.stdout).toContain("app-01 is not ready");
  pool({ "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048 }), "app-02": vm(13), "app-03": vm(14) });
  const failed = await tryTo(...up);
  expect(failed.exitCode).toBeGreaterThan(0);
  expect(failed.stdout).toContain("post-apply SSH readiness failed: 3 of 3 VMs are not ready");
  expect(proxmox.vm("dev-app-03").status).toBe("running");
  guests = await sshServer({ address: "0.0.0.0", port, hostKey, answer: () => ({ stdout: "status: done\n" }) });
  const healed = await tryTo(...up);
  expect(healed.exitCode, healed.stdout + healed.stderr).toBe(0);
  expect((await outputs()).vm_names).toEqual(["dev-app-01", "dev-app-02", "dev-app-03"]);
  expect(proxmox.vms().filter(({ config }) => config.name === "dev-app-03")).toHaveLength(1);
});

it("never take over who has their name already: in preview too, with nothing changed", async () => {
  const foreign = proxmox.addTemplate({ name: "dev-app-09" });
  const before = proxmox.vms().length;
  const writes = () => proxmox.requests.filter(({ method }) => method !== "GET").length;
  const sofar = writes();
  pool({
    "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048 }),
    "app-02": vm(13),
    "app-03": vm(14),
    "app-09": vm(19),
  });
  for (const command of [["preview"], up]) {
    const refused = await tryTo(...command);
    expect(refused.exitCode).toBeGreaterThan(0);
    expect(refused.stdout + refused.stderr).toContain(
      `template ${foreign} (dev-app-09) on node pve1 has the name of inputs.vms.app-09, and is not ours`,
    );
  }
  expect(writes()).toBe(sofar);
  expect(proxmox.vms()).toHaveLength(before);
});

it("go on with a renewed token: a refresh that still has the old one loses nothing, and one update without it heals", async () => {
  pool({ "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048 }), "app-02": vm(13), "app-03": vm(14) });
  const stood = proxmox.vms().map(({ vmid }) => vmid);
  const urns = async () => JSON.parse(await engine.state(project, "dev-apps")).deployment.resources.length;
  const recorded = await urns();
  const renewed = proxmox.addToken(poolToken, { "/": ["*"] });
  await run("config", "set-all", "--secret", `proxmox.token=${renewed}`);
  const stale = await tryTo(...up);
  expect(stale.exitCode).toBeGreaterThan(0);
  expect(stale.stdout + stale.stderr).toContain("401");
  expect(await urns()).toBe(recorded);
  await run(...up, "--refresh=false");
  await run("preview", "--expect-no-changes");
  expect(proxmox.vms().map(({ vmid }) => vmid)).toEqual(stood);
});

it("that are protected stay as they are when somebody destroys them: they are not even shut down", async () => {
  const others = { "app-02": vm(13), "app-03": vm(14) };
  pool({ "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048, protect: true }), ...others });
  await run(...up);
  const refused = await tryTo("destroy", "--yes", "--skip-preview");
  expect(refused.exitCode).toBeGreaterThan(0);
  expect(refused.stdout + refused.stderr).toMatch(/protect/);
  expect(proxmox.vm("dev-app-01")).toMatchObject({ status: "running", config: { protection: 1 } });
  pool({ "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048 }), ...others });
  await run(...up);
});

it("whose id somebody took are theirs: a destroy deletes nothing, and says whose they are", async () => {
  const taken = proxmox.vm("dev-app-03");
  const ours = { ...taken.config };
  Object.assign(taken.config, { name: "mail", tags: "theirs" });
  const refused = await tryTo("destroy", "--yes", "--skip-preview");
  expect(refused.exitCode).toBeGreaterThan(0);
  expect(refused.stdout + refused.stderr).toContain(
    `VM ${taken.vmid} (mail) on node pve1 has the id that the state has for app-03, and does not carry our mark`,
  );
  expect(proxmox.vm("mail").status).toBe("running");
  expect(proxmox.vm("dev-app-01").status).toBe("running");
  Object.assign(taken.config, ours);
});

it("are gone after a destroy, and the template is not", async () => {
  await run("destroy", "--yes", "--skip-preview");
  expect(proxmox.vms().map(({ config }) => config.name)).toEqual(["ubuntu-24.04-template", "dev-app-09"]);
});

it.each(["min", "typical", "enterprise"])(
  "of the overlay %s say what is missing for IPAM, and preview without it",
  async (overlay) => {
    const stack = `overlay-${overlay}`;
    engine.copyStackFile(project, overlay, stack);
    await engine.must(project, "stack", "init", stack);
    await engine.must(project, "config", "set-all", "--stack", stack, "--secret", `proxmox.token=${proxmox.token}`);
    const own = { "platform-vm:proxmox.endpoint": proxmox.url, "platform-vm:template_vm_id": template };
    engine.configure(project, stack, { "platform-vm:node_name": "pve1", ...own });
    const refused = await engine.pulumi(project, "preview", "--stack", stack);
    expect(refused.exitCode).toBeGreaterThan(0);
    expect(refused.stdout + refused.stderr).toContain("addressing.mode=ipam fails with missing NetBox details");
    engine.configure(project, stack, {
      "platform-vm:require_ipam": false,
      "platform-vm:addressing": { mode: "static" },
    });
    const names = {
      min: ["dev-app-01"],
      typical: ["dev-app-01", "dev-app-02"],
      enterprise: ["corp-apps-gitops-01", "corp-apps-gitops-02"],
    };
    const preview = JSON.parse(await engine.must(project, "preview", "--json", "--stack", stack));
    const made = (preview.steps as { newState?: { type: string; inputs: { name: string } } }[])
      .map(({ newState }) => newState)
      .filter((state) => state?.type === "proxmoxve:index/vmLegacy:VmLegacy");
    expect(made.map((state) => state?.inputs.name).sort()).toEqual(names[overlay as keyof typeof names]);
  },
);
