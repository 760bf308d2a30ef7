/**
 * An update that is cut off between a VM's clone and its first configuration: refused, without an answer, or killed, for the first
 * VM of a pool and for its tenth. The same command goes on, no advice gives a VM away, and nobody else's is touched. The real
 * engine and the real provider against the simulated Proxmox VE, with a template-image makes it. It never proves that
 * a real Proxmox VE agrees.
 */
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { SimulatedVm } from "../../lab/proxmox/state.ts";
import { ownerDescription } from "../../lib/owner-mark.ts";
import type { Check } from "../../lib/preflight/check.ts";
import { PoolSite, up, vm } from "./pool-site.fixture.ts";

const owner = "site.platform-vm.dev-apps";
const configuration = { method: "PUT", path: "/nodes/*/qemu/*/config" };
/** The pool's first VMs, so many. */
const pool = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [keys[n] ?? "", vm(11 + n)]));
const keys = Array.from({ length: 12 }, (_, n) => `app-${String(n + 1).padStart(2, "0")}`);
const names = (count: number) => keys.slice(0, count).map((key) => `dev-${key}`);
/** What would give a VM away that is ours. */
const orphaning = /state delete|to another one/;

let site: PoolSite;

beforeAll(async () => {
  site = await PoolSite.open();
});
afterEach(() => site.proxmox.faults.clear());
afterAll(() => site?.close());

/** Pulumi on the stack with what it said, which never gives a VM away. */
async function tryTo(...args: string[]) {
  const { exitCode, stdout, stderr } = await site.tryTo(...args);
  expect(stdout + stderr).not.toMatch(orphaning);
  return { exitCode, output: stdout + stderr };
}

async function works(...args: string[]): Promise<string> {
  const { exitCode, output } = await tryTo(...args);
  expect(exitCode, output).toBe(0);
  return output;
}

/** Everything that only looks says that it is well, and changes nothing. Gives what the preview said. */
async function looksWell(): Promise<string> {
  const before = site.writes();
  const output = await works("preview");
  const preflight = await site.engine.holdfast("preflight", "dev-apps", "--json");
  const { checks } = JSON.parse(preflight.stdout) as { checks: Check[] };
  expect(checks.filter(({ status }) => status === "failed")).toEqual([]);
  expect(site.writes()).toBe(before);
  return output + preflight.stdout;
}

/** The pool is as it would be if nothing had happened: each VM once, configured, running, and the next preview clean. */
async function isWhole(count: number): Promise<void> {
  expect(site.machines()).toEqual(names(count));
  for (const name of names(count)) {
    const { status, config } = site.proxmox.vm(name);
    expect({ status, ...config }).toMatchObject({
      status: "running",
      cores: 2,
      memory: "1024",
      tags: `app;custom-vm;holdfast.${owner};onprem;platform`,
      description: ownerDescription(owner),
      ciuser: "opsadmin",
      ipconfig0: expect.stringContaining("ip=127.0.20."),
      scsi0: expect.stringContaining("size=8G"),
      net0: expect.stringContaining("bridge=vnetdev"),
      serial0: "socket",
    });
  }
  await works("preview", "--expect-no-changes");
}

/** A clone that nothing was done with. */
const isRaw = ({ config }: SimulatedVm) => String(config.tags).includes("template-image") && config.template !== 1;
const held = () => site.proxmox.requests.at(-1)?.status === 0;

it("refused at its first VM: a destroy takes it along, and the same command goes on", async () => {
  site.pool(pool(1));
  site.proxmox.faults.refuse({ ...configuration, status: 500, message: "cluster not ready - no quorum?" });
  expect((await tryTo(...up)).exitCode).toBeGreaterThan(0);
  expect(site.proxmox.vms().filter(isRaw)).toHaveLength(1);
  await works("destroy", "--yes", "--skip-preview");
  expect(site.machines()).toEqual([]);

  const message = "Permission check failed (/vms/101, VM.Config.Options)";
  site.proxmox.faults.refuse({ ...configuration, status: 403, message });
  expect((await tryTo(...up)).exitCode).toBeGreaterThan(0);
  expect(await looksWell()).toContain("was cloned and not configured yet: an update configures it");
  await works(...up);
  await isWhole(1);
});

it("without an answer, to the clone or to the configuration, one VM or several at once: the same command goes on", async () => {
  site.pool(pool(9));
  site.proxmox.faults.drop({ method: "POST", path: `/nodes/pve1/qemu/${site.template}/clone`, when: "after" });
  site.proxmox.faults.drop(configuration);
  site.proxmox.faults.drop({ ...configuration, when: "after" });
  site.proxmox.faults.refuse({ ...configuration, status: 400, message: "Parameter verification failed." });
  expect((await tryTo(...up, "--continue-on-error")).exitCode).toBeGreaterThan(0);
  await looksWell();
  await works(...up);
  await isWhole(9);
});

it("killed at its tenth VM, before it is configured: the same command removes the clone and goes on; a destroy names it", async () => {
  site.pool(pool(10));
  site.proxmox.faults.hold(configuration);
  await site.killUp(held);
  const [clone] = site.proxmox.vms().filter(isRaw);
  expect(clone?.config.name).toBe("dev-app-10");
  expect(await looksWell()).toContain(`VM ${clone?.vmid} (dev-app-10) on node pve1 is a clone that an update left`);
  const output = await works(...up);
  expect(output).toContain(`removed VM ${clone?.vmid} (dev-app-10) on node pve1`);
  await isWhole(10);
});

it("killed while the cluster still clones: the same command waits for that, and goes on", async () => {
  site.pool(pool(11));
  site.proxmox.faults.slowTask({ type: "qmclone", delayMs: 10_000 });
  await site.killUp(() => site.proxmox.vms().some(({ lock }) => lock === "clone"));
  await works(...up);
  await isWhole(11);
});

it("killed: a rebuild goes on, too", async () => {
  site.pool(pool(12));
  site.proxmox.faults.hold(configuration);
  await site.killUp(held);
  const { exitCode, stdout, stderr } = await site.engine.holdfast(
    "rebuild",
    "dev-apps",
    "--confirm",
    "dev-apps",
    "--yes",
  );
  expect(exitCode, stdout + stderr).toBe(0);
  expect(stdout + stderr).not.toMatch(orphaning);
  expect(stdout + stderr).toContain("qm destroy");
  await isWhole(12);
});

it("others' VMs with that name are not touched, whatever tags and settings they have from the same template", async () => {
  await works("destroy", "--yes", "--skip-preview");
  site.pool(pool(1));
  site.proxmox.faults.hold(configuration);
  await site.killUp(held);
  const { config, vmid } = site.proxmox.vm("dev-app-01");
  const clone = { ...config };
  for (const theirs of [
    { description: undefined },
    { description: ownerDescription("site.platform-vm.prod-apps") },
    { description: `${ownerDescription(owner)}2` },
    { ciuser: "somebody" },
    { ipconfig0: "ip=10.0.0.7/24" },
  ]) {
    Object.assign(config, clone, theirs);
    const before = site.writes();
    const refused = await site.tryTo(...up);
    expect(refused.exitCode).toBeGreaterThan(0);
    expect(refused.stdout + refused.stderr).toContain(`VM ${vmid} (dev-app-01) on node pve1 has the name of`);
    expect(refused.stdout + refused.stderr).not.toContain("state delete");
    expect(site.writes()).toBe(before);
    delete config.ciuser;
  }
  Object.assign(config, clone);
  await works(...up);
  await isWhole(1);
});
