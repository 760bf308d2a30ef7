/**
 * A pool of one VM on a libvirt host: made, rebuilt while its first machine still boots, worked on, refused what would cost it
 * its disk, destroyed. Its address is NetBox's, the same one after the rebuild, where the machine can run one.
 *
 * Real here: the engine, the provider, libvirt, the VM with cloud-init, OpenSSH on all of them. Not proven: KVM, where the
 * machine has none; an image of a vendor's.
 */
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSite } from "../../lab/demo.ts";
import { layoutOf } from "../../lab/layout.ts";
import { siteNetbox, startNetboxPart } from "../../lab/netbox/part.ts";
import { ensureNetboxSoftware, missingForNetbox } from "../../lab/netbox/software.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { siteDown } from "../../lab/site.ts";
import { configureStack, deploy, pulumi, type Workspace } from "../../lab/workspace.ts";
import { cacheDirectory } from "../../lib/cache.ts";

const siteName = "t-lvpool";
const missing = missingPrerequisites().filter((what) => !what.startsWith("package "));
const withoutNetbox = missingForNetbox().length > 0;
const project = "platform-vm";
const stack = "dev-apps";
const address = "198.51.100.21";
const up = ["up", "--yes", "--skip-preview"];

interface Rebuilt {
  status: string;
  changes: { vm: string; what: string; before: string; after: string }[];
}

interface Step {
  op: string;
  urn: string;
}

describe.skipIf(missing.length > 0)("a pool on a libvirt host", () => {
  let workspace: Workspace;

  beforeAll(async () => {
    await siteDown(siteName);
    workspace = await openSite(siteName);
    const { site } = workspace;
    const fixed = { address: `${address}/24`, gateway: site.network.gateway };
    const nic = { bridge: "br0", ...(withoutNetbox ? { ipv4: fixed } : {}) };
    await configureStack(workspace, project, stack, {
      "site.id": "lab",
      placement: "libvirt",
      env: "dev",
      "host.address": site.hosts.crunchy.address,
      "vm.type": site.virtType,
      "vm.image.url": pathToFileURL(site.guestImage.path).href,
      "vm.image.sha256": site.guestImage.sha256,
      dns_domain: "lab",
      dns_servers: site.network.gateway,
      cpu_cores: "1",
      memory_mb: "512",
      vms: JSON.stringify({ "app-01": { role: "app", interfaces: [nic] } }),
    });
    if (withoutNetbox) await configure({ require_ipam: "false" });
    else await underIpam();
    // The first machine need not boot to its end: what matters of it is that another one takes its place.
    await configure({
      disk_size_gb: "4",
      post_apply_ssh_readiness: gate({ required: false, connectivity_wait_s: 0, connectivity_timeout_s: 5 }),
    });
    const made = await run(...up);
    expect(made.exitCode, made.stdout + made.stderr).toBe(0);
    expect(made.stdout).toContain("post-apply SSH readiness failed (warn-only)");
    await configure({ disk_size_gb: "5", post_apply_ssh_readiness: gate({ connectivity_wait_s: 400 }) });
  });

  afterAll(() => siteDown(siteName));

  /** A NetBox whose lowest free address is the VM's: from then on nobody else says which one it has. */
  async function underIpam(): Promise<void> {
    const { site, directory: cwd, env } = workspace;
    const layout = layoutOf(siteName);
    await startNetboxPart(layout, await ensureNetboxSoftware());
    const { url, tokenFile } = siteNetbox(layout);
    const token = readFileSync(tokenFile, "utf8");
    const { cidr, gateway } = site.network;
    const pool = { from: address, to: address.replace(/\d+$/, "29") };
    const lan = { name: "lan", bridge: "br0", cidr, gateway, pool };
    await configureStack(workspace, ".", "dev", { "site.id": "lab", networks: JSON.stringify([lan]) });
    await deploy(workspace, ".", "dev");
    const bootstrap = ["cli/holdfast.js", "netbox", "bootstrap", "--url", url, "--file", "netbox.json"];
    await site.workstation.run("node", bootstrap, { cwd, env: { ...env, NETBOX_API_TOKEN: token } });
    const values = {
      ...{ "site.stack": "dev", "netbox.file": "../netbox.json" },
      addressing: JSON.stringify({ mode: "ipam", ipam: { provider: "netbox" } }),
    };
    await configureStack(workspace, project, stack, values, { "netbox.token": token });
  }

  const gate = (more: object) => JSON.stringify({ connectivity_timeout_s: 60, ...more });
  const configure = (values: Record<string, string>) => configureStack(workspace, project, stack, values);
  const run = (...args: string[]) =>
    pulumi(workspace, project, [...args, "--stack", stack], { check: false, timeoutMs: 900_000 });
  const onHost = (...command: string[]) =>
    workspace.site.hosts.crunchy.exec(command[0] ?? "", command.slice(1), { check: false });
  const holdfast = (...args: string[]) => {
    const { directory: cwd, env, site } = workspace;
    const command = [join(cwd, "cli/holdfast.js"), ...args];
    return site.workstation.run("node", command, { cwd, env, check: false, timeoutMs: 900_000 });
  };
  const knownHosts = () => join(workspace.env.HOME ?? "", ".config/holdfast/known_hosts", project, stack);

  /** Standard output of a command in the VM; only the host key that the stack made is taken. */
  const onVm = (user: string, script: string) => {
    const settings = ["StrictHostKeyChecking=yes", `UserKnownHostsFile=${knownHosts()}`, "BatchMode=yes"];
    const login = ["-F", "none", "-i", workspace.site.workstation.sshKeyPath];
    const options = settings.flatMap((setting) => ["-o", setting]);
    const command = [...login, ...options, `${user}@${address}`, script];
    return workspace.site.workstation.run("ssh", command, { check: false });
  };

  it("previews neither a disk of another size, which would be another disk, nor another host", async () => {
    await configure({ "host.address": "198.51.100.11" });
    const refused = await run("preview");
    await configure({ "host.address": workspace.site.hosts.crunchy.address });
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stdout).toContain(
      "host.address: is 198.51.100.11, and app-01 stand on 198.51.100.10. VMs do not move",
    );
    expect(refused.stdout).toContain(
      `${project}:vms.app-01.disk_size_gb: is 5, and the disk has 4 GiB: libvirt would make a new, empty disk`,
    );
    expect(refused.stdout).toContain(`holdfast rebuild ${stack} --confirm ${stack}`);
    const looked = await holdfast("preflight", stack);
    expect(looked.exitCode).toBe(1);
    expect(looked.stdout.split("\n").filter((line) => line.startsWith("✗"))).toEqual([
      expect.stringContaining("vms.app-01.disk_size_gb takes nothing away"),
    ]);
  });

  it("needs its image no more where it stands, and is not destroyed for a rebuild that could not have the image", async () => {
    const { HOLDFAST_CACHE: cache = "" } = workspace.env;
    workspace.env.HOLDFAST_CACHE = cacheWithoutDownloads();
    await configure({ "vm.image.url": "file:///no/longer/there" });
    try {
      const looked = await holdfast("preflight", stack);
      expect(looked.stdout).toContain("the image is not needed");
      const refused = await holdfast("rebuild", stack, "--confirm", stack, "--yes");
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stderr).toMatch(
        /nothing was changed: its VMs could not be made again:\n.*file:\/\/\/no\/longer\/there cannot be read/,
      );
      expect((await onHost("virsh", "domstate", "dev-app-01")).stdout.trim()).toBe("running");
    } finally {
      workspace.env.HOLDFAST_CACHE = cache;
      await configure({ "vm.image.url": pathToFileURL(workspace.site.guestImage.path).href });
    }
  });

  /** A cache with the tools of this one, and no image. */
  function cacheWithoutDownloads(): string {
    const without = join(workspace.site.directory, "cache-without-downloads");
    mkdirSync(without, { mode: 0o700 });
    for (const name of readdirSync(cacheDirectory()))
      if (name !== "downloads") symlinkSync(join(cacheDirectory(), name), join(without, name));
    return without;
  }

  it("is rebuilt with it, and ready as the machine that the stack made: id and host key are others", async () => {
    const result = await holdfast("rebuild", stack, "--confirm", stack, "--yes", "--json");
    expect(result.exitCode, result.stderr).toBe(0);
    const rebuilt = JSON.parse(result.stdout) as Rebuilt;
    expect(rebuilt.status).toBe("ok");
    const differing = rebuilt.changes.filter(({ before, after }) => before !== after);
    expect(differing.map(({ what }) => what)).toEqual(["id", "host key"]);
    expect(differing.every(({ before, after }) => before !== "" && after !== "")).toBe(true);
    const { vms, status } = JSON.parse((await run("stack", "output", "--json")).stdout);
    expect(status).toBe("ok");
    expect(vms.vms["app-01"]).toMatchObject({
      name: "dev-app-01",
      node: workspace.site.hosts.crunchy.address,
      address,
    });
    const [, blob] = /"publicKey": "ssh-ed25519 (\S+) dev-app-01"/.exec((await run("stack", "export")).stdout) ?? [];
    const met = readFileSync(knownHosts(), "utf8").split("\n");
    expect(met.filter((line) => line.startsWith(`${address} `))).toEqual([`${address} ssh-ed25519 ${blob}`]);
  });

  it("lets in the pool's user, who may do everything, and not root", async () => {
    const facts = "hostname; sudo -n id -un; lsblk -dnbo SIZE /dev/vda; grep -c '^search lab$' /etc/resolv.conf";
    const { stdout } = await onVm("opsadmin", facts);
    expect(stdout.trim().split("\n")).toEqual(["dev-app-01", "root", String(5 * 1024 ** 3), "1"]);
    expect(await onVm("root", "true")).toMatchObject({ stderr: expect.stringContaining("Permission denied") });
  });

  it("previews clean, and shows a VM that is off", async () => {
    const clean = await run("preview", "--diff", "--expect-no-changes");
    expect(clean.exitCode, clean.stdout + clean.stderr).toBe(0);
    await onHost("virsh", "-q", "destroy", "dev-app-01");
    const { steps } = JSON.parse((await run("preview", "--json")).stdout) as { steps: Step[] };
    const changes = steps.filter(({ op }) => !["same", "refresh", "read"].includes(op));
    expect(changes.map(({ op, urn }) => `${op} ${urn.split("::").at(-1)}`).sort()).toEqual([
      "update readiness",
      "update vm-app-01-vm-domain",
    ]);
  });

  it("leaves nothing on its host when it is destroyed", async () => {
    const destroyed = await run("destroy", "--yes", "--skip-preview");
    expect(destroyed.exitCode, destroyed.stdout).toBe(0);
    expect((await onHost("virsh", "-q", "list", "--all", "--name")).stdout.trim()).toBe("");
    expect((await onHost("virsh", "-q", "vol-list", "images")).stdout.trim()).toBe("");
    expect((await onHost("sh", "-c", "iptables-save; ls -A /etc/holdfast")).stdout).not.toMatch(/physdev|holdfast/);
  });
});
