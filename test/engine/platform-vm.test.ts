/**
 * A pool of VMs from its stack file to its outputs: the real engine and the real provider against the simulated Proxmox VE,
 * with a real SSH server for every VM to be ready by. It never proves that a real Proxmox VE agrees.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { PoolSite, up, vm } from "./pool-site.fixture.ts";

const project = "platform-vm";
let site: PoolSite;

beforeAll(async () => {
  site = await PoolSite.open();
  site.pool({ "pgha-01": vm(11, { role: "db", cpu_cores: 4, startup_order: 3 }), "app-01": vm(12) });
  await site.run(...up);
});

afterAll(() => site?.close());

it("are what the stack file says, and the outputs say which they are", async () => {
  const output = await site.outputs();
  expect(output).toMatchObject({
    vm_keys: ["app-01", "pgha-01"],
    vm_names: ["dev-app-01", "dev-pgha-01"],
    ipv4_addresses: { "pgha-01": "127.0.20.11", "app-01": "127.0.20.12" },
    status: "ok",
    evidence_dir: expect.stringContaining("/evidence/platform-vm/dev-apps/"),
    vms: { contract: "vms@1", env: "dev", vms: { "pgha-01": { name: "dev-pgha-01", node: "pve1" } } },
  });
  const made = site.proxmox.vm("dev-pgha-01");
  expect(output.vm_ids["pgha-01"]).toBe(made.vmid);
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
  expect(output.mac_addresses_primary["pgha-01"]).toMatch(/^([0-9A-F]{2}:){5}[0-9A-F]{2}$/);
  expect(String(made.config.net0)).toContain(output.mac_addresses_primary["pgha-01"]);
});

it("are as the program has them after a refresh, which changes nothing, and preview clean then", async () => {
  await site.run("refresh", "--yes", "--skip-preview", "--expect-no-changes");
  await site.run("preview", "--expect-no-changes");
});

it("grow when they are told to, and never shrink: nothing is changed then", async () => {
  site.pool({
    "pgha-01": vm(11, { role: "db", cpu_cores: 4, startup_order: 3 }),
    "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048 }),
  });
  await site.run(...up);
  const grown = site.proxmox.vm("dev-app-01");
  expect(grown.config).toMatchObject({ scsi0: expect.stringContaining("size=12G"), memory: "2048" });
  const before = site.writes();
  site.pool({
    "pgha-01": vm(11, { role: "db", cpu_cores: 4, startup_order: 3 }),
    "app-01": vm(12, { disk_size_gb: 10, memory_mb: 2048 }),
  });
  const refused = await site.tryTo("preview");
  expect(refused.exitCode).toBeGreaterThan(0);
  expect(refused.stdout + refused.stderr).toContain("is 10, and the disk has 12 GiB; a disk is never made smaller");
  expect(site.writes()).toBe(before);
});

it("come in addition, shown; go only with a permission for that change", async () => {
  const kept = { "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048 }), "app-02": vm(13) };
  site.pool({ "pgha-01": vm(11, { role: "db", cpu_cores: 4, startup_order: 3 }), ...kept });
  expect((await site.tryTo("preview")).stdout).toContain("VMs that come to those that stand: app-02");
  await site.run(...up);
  site.pool(kept);
  const refused = await site.tryTo(...up);
  expect(refused.exitCode).toBeGreaterThan(0);
  const output = refused.stdout + refused.stderr;
  expect(output).toMatch(/vm set collision detected: .*existing_only=\[pgha-01\], requested_only=\[\]/);
  expect(site.proxmox.vm("dev-pgha-01").status).toBe("running");
  const digest = /allow_vm_set_replace ([0-9a-f]{16})/.exec(output)?.[1] ?? "";
  site.set({ allow_vm_set_replace: digest });
  await site.run(...up);
  expect(site.proxmox.vms().map(({ config }) => config.name)).not.toContain("dev-pgha-01");
  site.unset("allow_vm_set_replace");
  // A template that is built anew is for VMs that are made from now on.
  const newer = site.proxmox.addTemplate({ name: "ubuntu-24.04-newer", diskGib: 4 });
  site.set({ template_vm_id: String(newer) });
  const clean = await site.tryTo("preview", "--expect-no-changes");
  site.set({ template_vm_id: String(site.template) });
  expect(clean.exitCode, clean.stdout).toBe(0);
  expect(clean.stdout).toContain(
    `VMs that stay clones of the template that they were made from: app-01 (of ${site.template}`,
  );
});

it("that nobody can log in to fail the update and stay in the state; the next one goes on", async () => {
  await site.silence();
  const drifted = await site.tryTo("preview", "--diff");
  expect(drifted.stdout).toContain("app-01 is not ready");
  site.pool({ "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048 }), "app-02": vm(13), "app-03": vm(14) });
  const failed = await site.tryTo(...up);
  expect(failed.exitCode).toBeGreaterThan(0);
  expect(failed.stdout).toContain("post-apply SSH readiness failed: 3 of 3 VMs are not ready");
  expect(site.proxmox.vm("dev-app-03").status).toBe("running");
  await site.serveAgain();
  const healed = await site.tryTo(...up);
  expect(healed.exitCode, healed.stdout + healed.stderr).toBe(0);
  expect((await site.outputs()).vm_names).toEqual(["dev-app-01", "dev-app-02", "dev-app-03"]);
  expect(site.proxmox.vms().filter(({ config }) => config.name === "dev-app-03")).toHaveLength(1);
});

it("never take over who has their name already: in preview too, with nothing changed", async () => {
  const foreign = site.proxmox.addTemplate({ name: "dev-app-09" });
  const before = site.proxmox.vms().length;
  const sofar = site.writes();
  site.pool({
    "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048 }),
    "app-02": vm(13),
    "app-03": vm(14),
    "app-09": vm(19),
  });
  for (const command of [["preview"], up]) {
    const refused = await site.tryTo(...command);
    expect(refused.exitCode).toBeGreaterThan(0);
    expect(refused.stdout + refused.stderr).toContain(
      `template ${foreign} (dev-app-09) on node pve1 has the name of inputs.vms.app-09, and is not ours`,
    );
  }
  expect(site.writes()).toBe(sofar);
  expect(site.proxmox.vms()).toHaveLength(before);
});

it("go on with a renewed token: a refresh that still has the old one loses nothing, and one update without it heals", async () => {
  site.pool({ "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048 }), "app-02": vm(13), "app-03": vm(14) });
  const stood = site.proxmox.vms().map(({ vmid }) => vmid);
  const urns = async () => JSON.parse(await site.engine.state(project, "dev-apps")).deployment.resources.length;
  const recorded = await urns();
  await site.renewToken();
  const stale = await site.tryTo(...up);
  expect(stale.exitCode).toBeGreaterThan(0);
  expect(stale.stdout + stale.stderr).toContain("401");
  expect(await urns()).toBe(recorded);
  await site.run(...up, "--refresh=false");
  await site.run("preview", "--expect-no-changes");
  expect(site.proxmox.vms().map(({ vmid }) => vmid)).toEqual(stood);
});

it("that are protected stay as they are when somebody destroys them: they are not even shut down", async () => {
  const others = { "app-02": vm(13), "app-03": vm(14) };
  site.pool({ "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048, protect: true }), ...others });
  await site.run(...up);
  const refused = await site.tryTo("destroy", "--yes", "--skip-preview");
  expect(refused.exitCode).toBeGreaterThan(0);
  expect(refused.stdout + refused.stderr).toMatch(/protect/);
  expect(site.proxmox.vm("dev-app-01")).toMatchObject({ status: "running", config: { protection: 1 } });
  site.pool({ "app-01": vm(12, { disk_size_gb: 12, memory_mb: 2048 }), ...others });
  await site.run(...up);
});

it("whose id somebody took are theirs: a destroy deletes nothing until the state is told, and then ours alone", async () => {
  const taken = site.proxmox.vm("dev-app-03");
  Object.assign(taken.config, { name: "mail", tags: "theirs", description: "the mail server" });
  const refused = await site.tryTo("destroy", "--yes", "--skip-preview");
  expect(refused.exitCode).toBeGreaterThan(0);
  const output = refused.stdout + refused.stderr;
  expect(output).toContain(
    `VM ${taken.vmid} (mail) on node pve1 has the id that the state has for app-03, and does not carry our mark`,
  );
  expect(site.proxmox.vm("mail").status).toBe("running");
  expect(site.proxmox.vm("dev-app-01").status).toBe("running");
  const [, options = "", urn = ""] = /pulumi (state delete [^']*)'([^']+)', in platform-vm\//.exec(output) ?? [];
  await site.engine.must(project, ...options.trim().split(" "), urn);
  await site.run("destroy", "--yes", "--skip-preview");
  const left = site.proxmox.vms().map(({ config }) => config.name);
  expect(left.sort()).toEqual(["dev-app-09", "mail", "ubuntu-24.04-newer", "ubuntu-24.04-template"]);
  expect(site.proxmox.vm("mail").status).toBe("running");
});

it.each(["min", "typical", "enterprise"])(
  "of the overlay %s say what is missing for IPAM, and preview without it",
  async (overlay) => {
    const stack = `overlay-${overlay}`;
    site.engine.copyStackFile(project, overlay, stack);
    const own = { "proxmox.endpoint": site.proxmox.url, template_vm_id: site.template, node_name: "pve1" };
    await site.engine.init(project, stack, own, { "proxmox.token": site.proxmox.token });
    const refused = await site.engine.pulumi(project, "preview", "--stack", stack);
    expect(refused.exitCode).toBeGreaterThan(0);
    expect(refused.stdout + refused.stderr).toContain("addressing.mode=ipam fails with missing NetBox details");
    site.engine.configure(project, stack, {
      "platform-vm:require_ipam": false,
      "platform-vm:addressing": { mode: "static" },
    });
    const names = {
      min: ["dev-app-01"],
      typical: ["dev-app-01", "dev-app-02"],
      enterprise: ["corp-apps-gitops-01", "corp-apps-gitops-02"],
    };
    const preview = JSON.parse(await site.engine.must(project, "preview", "--json", "--stack", stack));
    const made = (preview.steps as { newState?: { type: string; inputs: { name: string } } }[])
      .map(({ newState }) => newState)
      .filter((state) => state?.type === "proxmoxve:index/vmLegacy:VmLegacy");
    expect(made.map((state) => state?.inputs.name).sort()).toEqual(names[overlay as keyof typeof names]);
  },
);
