/**
 * The main job of pools, as `npm run lab -- proxmox` does it: the real engine, providers and plugin, a real OpenSSH server on
 * each VM and on the Proxmox host, real networks between them. Proxmox VE itself is simulated: that a real one agrees, that an
 * image boots, and that cloud-init does what it is told, is not proven.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { layoutOf } from "../../lab/layout.ts";
import { missingForNetbox } from "../../lab/netbox/software.ts";
import {
  deployAuthority,
  deployPool,
  deployTemplate,
  destroyPool,
  listRecords,
  listVms,
  openProxmoxSite,
  type PoolProof,
  type PoolWorkspace,
  previewClean,
  provePool,
} from "../../lab/pool/demo.ts";
import { proxmoxFiles } from "../../lab/pool/host.ts";
import { proxmoxSiteStatus } from "../../lab/pool/site.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { isAlive, recordedProcess } from "../../lab/processes.ts";
import { siteDown } from "../../lab/site.ts";
import { until } from "../../lab/wait.ts";
import { traces } from "./traces.ts";

const siteName = "t-pool";
const missing = missingPrerequisites().filter((what) => !what.startsWith("package "));
const withoutNetbox = missingForNetbox().length > 0;
const names = { "app-01": "dev-app-01", "app-02": "dev-app-02", "pgha-01": "dev-pgha-01" };

/** The files with the VMs' user data, on the storage of the Proxmox host. */
function snippets(): string[] {
  const directory = join(proxmoxFiles(layoutOf(siteName)).local, "snippets");
  return readdirSync(directory).map((name) => join(directory, name));
}

describe.skipIf(missing.length > 0)("a pool on a simulated Proxmox VE", () => {
  let workspace: PoolWorkspace;
  let proof: PoolProof;

  beforeAll(async () => {
    await siteDown(siteName);
    workspace = await openProxmoxSite(siteName);
    await deployAuthority(workspace);
    await deployTemplate(workspace);
    await deployPool(workspace);
    proof = await provePool(workspace);
  });

  afterAll(() => siteDown(siteName));

  it("is ready over the Proxmox host, after nothing led to it straight", () => {
    expect(Object.fromEntries(proof.vms.map(({ key, name }) => [key, name]))).toEqual(names);
    expect(proof.status).toBe("ok");
    for (const { attempts } of proof.vms) {
      expect(attempts.map(({ route, stage }) => [route, stage])).toEqual([
        ["direct", "tcp"],
        [`bastion root@${workspace.site.proxmox.address}:22`, "ready"],
      ]);
    }
  });

  it("leaves evidence that verifies, and that names the way it came", () => {
    expect(proof.verified).toContain("is as it was written");
    const report = JSON.parse(readFileSync(join(proof.evidenceDir, "post_apply_ssh_readiness.json"), "utf8"));
    expect(report).toMatchObject({
      status: "ok",
      effective_proxy: { host: workspace.site.proxmox.address, user: "root" },
    });
    expect(report.targets.map(({ name }: { name: string }) => name).sort()).toEqual(Object.keys(names));
  });

  it("has VMs that the host reaches and the workstation does not, each with a host key of its own, which the stack made", async () => {
    const { site } = workspace;
    const layout = layoutOf(siteName);
    const keys = new Set<string>();
    for (const { address, hostKey } of proof.vms) {
      const scan = ["-T", "3", "-t", "ed25519", address];
      const straight = await site.workstation.run("ssh-keyscan", scan, { check: false });
      expect(straight.stdout).toBe("");
      const { stdout } = await site.workstation.run("nsenter", [
        `--net=/run/netns/${layout.netns("pve")}`,
        "ssh-keyscan",
        ...scan,
      ]);
      const key = stdout.trim().split(" ").slice(1).join(" ");
      expect(hostKey.startsWith(`${key} `), `${key} of ${address} is ${hostKey}`).toBe(true);
      keys.add(key);
    }
    expect(keys.size).toBe(3);
  });

  it("has their user data in snippets that root alone can read", () => {
    expect(snippets()).toHaveLength(3);
    for (const file of snippets()) expect(statSync(file)).toMatchObject({ uid: 0, mode: 0o100600 });
  });

  it("was cloned from a template whose own test logged in to a clone that is gone", async () => {
    const listed = await listVms(workspace);
    expect(listed.map(({ name, template }) => [name, template]).sort()).toEqual([
      ...Object.values(names).map((name) => [name, 0]),
      ["ubuntu-24.04-template", 1],
    ]);
  });

  it("previews clean", () => previewClean(workspace));

  describe.skipIf(withoutNetbox)("with a NetBox", () => {
    const addresses = () => Object.fromEntries(proof.vms.map(({ name, address }) => [name, `${address}/24`]));
    const record = (name: string, status: string, ...tags: string[]) => ({
      ...{ name, status, primaryAddress: addresses()[name] },
      tags: expect.arrayContaining(["holdfast", ...tags]),
    });
    const records = (...about: [string, ...string[]]) => Object.values(names).map((name) => record(name, ...about));

    it("has the addresses that NetBox gave out, and a record of each VM with its own", async () => {
      const last = proof.vms.map(({ address }) => Number(address.split(".").at(-1))).sort();
      expect(last).toEqual([40, 41, 42]);
      expect(await listRecords(workspace)).toEqual(records("active"));
    });

    it("leaves a row of each in the evidence, and nothing that an audit would find wrong", async () => {
      const rows = JSON.parse(readFileSync(join(proof.evidenceDir, "hook_netbox_sync.json"), "utf8"));
      const found = rows.map(({ name, result }: { name: string; result: string }) => [name, result]).sort();
      expect(found).toEqual(Object.values(names).map((name) => [name, "created"]));
      expect(await audit()).toContain("NetBox has what its state has  addresses: 3, VMs: 3");
    });

    it("retires the records of VMs that are destroyed, and gives them their own addresses when they come back", async () => {
      const before = addresses();
      await destroyPool(workspace, ["pool"]);
      expect(await listRecords(workspace)).toEqual(records("offline", "holdfast-stale"));
      await deployPool(workspace);
      proof = await provePool(workspace);
      expect(addresses()).toEqual(before);
      const back = await listRecords(workspace);
      expect(back).toEqual(records("active"));
      expect(back.flatMap(({ tags }) => tags)).not.toContain("holdfast-stale");
    });

    async function audit(): Promise<string> {
      const { site, directory: cwd, env } = workspace;
      const { stdout } = await site.workstation.run("node", ["cli/holdfast.js", "netbox", "audit"], { cwd, env });
      return stdout;
    }
  });

  it("leaves nothing on the cluster when it is destroyed", async () => {
    await destroyPool(workspace);
    expect(await listVms(workspace)).toEqual([]);
    expect(snippets()).toEqual([]);
  });

  it("stands on a site that is made anew when its Proxmox host was killed, and that leaves nothing on the machine", async () => {
    const api = recordedProcess(layoutOf(siteName).path("pve", "api.json"));
    expect(isAlive(api)).toBe(true);
    process.kill(api?.pid ?? 0, "SIGKILL");
    await until({ what: "the end of the API", boundMs: 60_000, lookAt: "its process" }, () => !isAlive(api));
    // Nobody asks its NetBox any more, and starting one is half of what a site costs.
    const wanted = { name: siteName, netbox: false };
    expect(await proxmoxSiteStatus(wanted)).toMatchObject({ state: "partial" });
    expect(await listVms(await openProxmoxSite(siteName, wanted))).toEqual([]);
    expect(await proxmoxSiteStatus(wanted)).toMatchObject({ state: "up" });
    expect(traces(siteName)).not.toEqual([]);
    await siteDown(siteName);
    expect(traces(siteName)).toEqual([]);
    expect(await proxmoxSiteStatus({ name: siteName })).toMatchObject({ state: "down" });
  });
});
