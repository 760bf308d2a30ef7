/**
 * `holdfast rebuild`, with the real engine and the real provider against the simulated Proxmox VE: what it destroys, makes anew
 * and writes down, and what it refuses. It never proves that a real Proxmox VE agrees.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PoolSite, up, vm } from "./pool-site.fixture.ts";

let site: PoolSite;
const both = { "app-01": vm(12), "app-02": vm(13) };

/** Every file under a directory, in one text. */
function everythingIn(directory: string): string {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "latin1")).join("\n");
}

beforeAll(async () => {
  site = await PoolSite.open();
  site.pool(both);
  await site.run(...up);
});

afterAll(() => site?.close());

describe("holdfast rebuild", () => {
  const rebuild = (...more: string[]) =>
    site.engine.holdfast("rebuild", "dev-apps", "--confirm", "dev-apps", "--yes", ...more);
  const evidence = (stderr: string) => /^evidence: (.+)$/m.exec(stderr)?.[1] ?? "";
  const recordIn = (directory: string) => JSON.parse(readFileSync(join(directory, "rebuild.json"), "utf8"));

  it.each([
    ["another name", ["--confirm", "dev-app"], "--confirm mismatch; expected 'dev-apps' but got 'dev-app'"],
    ["no name", [], "--confirm mismatch; expected 'dev-apps' but got ''"],
    ["nobody to ask", ["--confirm", "dev-apps"], "there is no terminal to ask at"],
  ])("changes nothing with %s", async (_what, args, output) => {
    const before = site.writes();
    const { exitCode, stderr } = await site.engine.holdfast("rebuild", "dev-apps", ...args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(output) });
    expect(site.writes()).toBe(before);
  });

  it("changes nothing while a VM is protected, or could not be made again", async () => {
    site.pool({ "app-01": vm(12, { protect: true }), "app-02": vm(13) });
    await site.run(...up);
    const before = site.writes();
    site.pool(both);
    const kept = await rebuild();
    expect({ exitCode: kept.exitCode, writes: site.writes() }).toEqual({ exitCode: 2, writes: before });
    expect(kept.stderr).toContain("protected are app-01\n");
    await site.run(...up);
    const unprotected = site.writes();
    site.set({ template_vm_id: "7777" });
    const hopeless = await rebuild();
    site.set({ template_vm_id: String(site.template) });
    expect({ exitCode: hopeless.exitCode, writes: site.writes() }).toEqual({ exitCode: 2, writes: unprotected });
    expect(hopeless.stderr).toContain("its VMs could not be made again:\n  - template_vm_id=7777 comes from");
  });

  it("is not the way round the guard of the VM set", async () => {
    site.pool({ "app-01": vm(12) });
    const before = site.writes();
    const { exitCode, stderr } = await rebuild();
    site.pool(both);
    expect({ exitCode, writes: site.writes() }).toEqual({ exitCode: 2, writes: before });
    expect(stderr).toContain("vm set collision detected");
  });

  it("destroys, makes anew, shows it, and says which machines there were and are", async () => {
    const before = (await site.outputs()).vms.vms;
    // A machine that is made anew has another host key.
    await site.newHostKey();
    const done = await rebuild();
    expect(done.exitCode, done.stdout + done.stderr).toBe(0);
    const after = (await site.outputs()).vms.vms;
    expect(after["app-01"].identity).not.toBe(before["app-01"].identity);
    expect(site.machines()).toEqual(["dev-app-01", "dev-app-02"]);
    expect(done.stdout).toContain("Destroying (dev-apps)");
    expect(done.stdout).toContain("Updating (dev-apps)");
    expect(done.stdout).toMatch(new RegExp(`MAC +${before["app-01"].mac} +${after["app-01"].mac}`));
    expect(done.stdout).toMatch(/host key +SHA256:\S{43} +SHA256:\S{43}/);
    expect(done.stdout).toMatch(/as before +.*address/);

    const directory = evidence(done.stderr);
    const { status, before: was, after: is } = recordIn(directory);
    expect(status).toBe("ok");
    for (const [machines, outputs] of [
      [was, before],
      [is, after],
    ]) {
      const { vmId, mac, address, identity } = outputs["app-02"];
      expect(machines["app-02"]).toMatchObject({ id: String(vmId), mac, address, identity, name: "dev-app-02" });
    }
    expect((await site.engine.holdfast("evidence", "verify", directory)).exitCode).toBe(0);
    const runs = await site.engine.holdfast("evidence", "list", "platform-vm", "dev-apps");
    expect(runs.stdout).toContain(`${directory.split("/").at(-1)}  intact  2 ok`);
    expect(everythingIn(directory)).not.toContain(site.token.split("=")[1]);
  });

  it("keeps which machines there were when it fails half way, and goes on", async () => {
    const before = (await site.outputs()).vms.vms;
    await site.silence();
    const failed = await rebuild();
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain("✗ pulumi up of platform-vm/dev-apps failed");
    expect(failed.stderr).toContain("next: pulumi up --stack dev-apps, in platform-vm/; or holdfast rebuild dev-apps");
    expect(recordIn(evidence(failed.stderr))).toMatchObject({ status: "failed", step: "up" });
    expect((await site.engine.holdfast("evidence", "verify", evidence(failed.stderr))).exitCode).toBe(0);
    await site.serveAgain();
    const done = await rebuild("--json");
    expect(done.exitCode, done.stdout + done.stderr).toBe(0);
    const output = JSON.parse(done.stdout);
    expect(output.continues).toBe(evidence(failed.stderr).split("/").at(-1));
    for (const key of ["app-01", "app-02"]) expect(output.before[key].identity).toBe(before[key].identity);
    const after = (await site.outputs()).vms.vms;
    expect(output.after["app-01"].mac).toBe(after["app-01"].mac);
    expect(site.machines()).toEqual(["dev-app-01", "dev-app-02"]);
  });

  it("says that the destroy failed, keeps the machines, and goes on", async () => {
    const before = (await site.outputs()).vms.vms;
    site.proxmox.faults.refuse({ method: "DELETE", path: `/nodes/pve1/qemu/${before["app-02"].vmId}`, status: 403 });
    const failed = await rebuild();
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain("✗ pulumi destroy of platform-vm/dev-apps failed");
    const done = await rebuild("--json");
    expect(done.exitCode, done.stdout + done.stderr).toBe(0);
    const output = JSON.parse(done.stdout);
    for (const key of ["app-01", "app-02"]) expect(output.before[key].identity).toBe(before[key].identity);
    expect(output.before["app-01"].hostKey).toMatch(/^SHA256:/);
  });
});
