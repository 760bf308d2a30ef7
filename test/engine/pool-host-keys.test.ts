/**
 * A pool on Proxmox VE whose VMs come up with host keys of the stack's: the real engine and the real provider against the
 * simulated API. The Proxmox host is an SSH server that runs what it is told to, for a directory of the test's own; each VM is
 * an SSH server with the host key of its user data. It never proves that a real Proxmox VE or cloud-init agrees.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import type { SimulatedVm } from "../../lab/proxmox/state.ts";
import { keyPair, type StandIn, sshServer } from "../fixtures/ssh-host.fixture.ts";
import { PoolSite, up, vm } from "./pool-site.fixture.ts";

const directory = mkdtempSync(join(tmpdir(), "holdfast-snippets-"));
const snippets = join(directory, "snippets");
const guests = new Map<number, StandIn>();
let site: PoolSite;
let host: StandIn;

/** What cloud-init would have made of a VM's user data: a server with that host key, for those who may log in. */
async function boot({ vmid, config, addresses }: SimulatedVm): Promise<void> {
  const [, file = ""] = /user=local:snippets\/([^,]+)/.exec(String(config.cicustom)) ?? [];
  const { ssh_keys: keys, users } = parse(readFileSync(join(snippets, file), "utf8"));
  const [allowed = ""] = users[0].ssh_authorized_keys;
  const server = await sshServer({
    ...{ address: addresses.net0?.[0]?.split("/")[0] ?? "", port: site.port },
    hostKey: { private: keys.ed25519_private },
    allowed: allowed.split(" ").slice(0, 2).join(" "),
    answer: () => ({ stdout: "status: done\n" }),
  });
  guests.set(vmid, server);
}

async function halt({ vmid }: SimulatedVm): Promise<void> {
  await guests.get(vmid)?.stop();
  guests.delete(vmid);
}

/** Runs a command as root of the Proxmox host would; whoever runs the test may not give files to root. */
function asHost(command: string, stdin: string) {
  const { status, stdout, stderr } = spawnSync("sh", ["-c", `chown() { :; }\n${command}`], { input: stdin });
  return { code: status ?? 255, stdout: String(stdout), stderr: String(stderr) };
}

const files = () => readdirSync(snippets).filter((name) => name.startsWith("holdfast-"));
/** What another machine under the same id has other ones of. */
const machines = () => site.proxmox.vms().map(({ config }) => String(config.smbios1));
const cicustom = (name: string) => String(site.proxmox.vm(name).config.cicustom);

beforeAll(async () => {
  mkdirSync(snippets);
  writeFileSync(join(snippets, "agent.yaml"), "#cloud-config\n");
  const storages = [
    { id: "local", type: "dir", path: directory, content: ["import", "iso", "snippets"] },
    { id: "local-lvm", type: "lvmthin", content: ["images"] },
  ];
  site = await PoolSite.open({ storages, onStart: boot, onStop: halt });
  // Its server has every address of loopback, and here each VM has its own.
  await site.silence();
  const hostKey = keyPair();
  host = await sshServer({ hostKey, allowed: site.operator.public, answer: asHost });
  const contract = join(site.engine.env.HOME ?? "", "site.json");
  const { port } = host;
  const proxmox = { url: site.proxmox.url, address: "127.0.0.1", port, hostKey: hostKey.public, node: "pve1" };
  writeFileSync(
    contract,
    JSON.stringify({
      ...{ contract: "site@1", siteId: "home", env: "dev", zone: "onprem", networks: [], gcpProjects: {}, naming: {} },
      authorities: { proxmox },
    }),
  );
  site.set({ "site.file": contract, snippets_storage: "local" });
  site.pool({ "app-01": vm(11), "app-02": vm(12) });
  await site.run(...up);
});

afterAll(async () => {
  await site?.close();
  await host?.stop();
});

it("are met with the key that the stack made for each, which is in the clear in its snippet alone", async () => {
  expect((await site.outputs()).status).toBe("ok");
  const state = await site.engine.state("platform-vm", "dev-apps");
  const { resources } = JSON.parse(state).deployment as { resources: Recorded[] };
  const made = resources.filter(({ type }) => type === "holdfast:ssh:HostKey");
  const ownKeys = Object.fromEntries(made.map(({ urn, outputs }) => [urn.split("::").at(-1), outputs.publicKey]));
  expect(Object.keys(ownKeys).sort()).toEqual(["vm-app-01-vm-host-key", "vm-app-02-vm-host-key"]);
  const gate = resources.find(({ type }) => type === "holdfast:ssh:Readiness");
  expect(gate?.inputs.targets.map(({ hostKey }) => hostKey).sort()).toEqual(Object.values(ownKeys).sort());
  expect(files()).toHaveLength(2);
  for (const name of files()) expect(statSync(join(snippets, name)).mode & 0o777).toBe(0o600);
  expect(cicustom("dev-app-01")).toMatch(/^user=local:snippets\/holdfast-app-01-[0-9a-f]{12}\.yaml$/);
  expect(site.proxmox.vm("dev-app-01").config).not.toHaveProperty("ciuser");
  expect(state).not.toContain("PRIVATE KEY");
  expect(host.received.map(({ command }) => command).join()).not.toContain("PRIVATE KEY");
  const { evidence_dir } = await site.outputs();
  const evidence = readdirSync(evidence_dir).map((name) => readFileSync(join(evidence_dir, name), "utf8"));
  expect(evidence.join()).not.toContain("PRIVATE KEY");
});

it("preview clean; a snippet that is gone or that others can read is drift, and mended in place", async () => {
  await site.run("preview", "--expect-no-changes");
  const [one = "", other = ""] = files().map((name) => join(snippets, name));
  spawnSync("rm", [one]);
  chmodSync(other, 0o644);
  const stood = machines();
  await site.run(...up);
  expect(files()).toHaveLength(2);
  expect(statSync(other).mode & 0o777).toBe(0o600);
  expect(machines()).toEqual(stood);
});

it("keep machine and snippet with other login keys and another name", async () => {
  const stood = machines();
  const names = files();
  const more = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleEx ops@corp.example";
  const keys = [site.operator.public, more];
  site.engine.configure("platform-vm", "dev-apps", { "platform-vm:ssh_keys": keys, "platform-vm:name_prefix": "corp" });
  await site.run(...up);
  expect(machines()).toEqual(stood);
  expect(files()).toEqual(names);
  const written = names.map((name) => parse(readFileSync(join(snippets, name), "utf8")));
  expect(written).toMatchObject(
    ["corp-app-01", "corp-app-02"].map((hostname) => ({ hostname, users: [{ ssh_authorized_keys: keys }] })),
  );
});

it("are refused another place for their user data, which would destroy them, before anything is changed", async () => {
  site.unset("snippets_storage");
  const before = site.writes();
  const refused = await site.tryTo("preview");
  expect(refused.exitCode).toBeGreaterThan(0);
  expect(refused.stdout + refused.stderr).toContain(
    "snippets_storage: is not set, and app-01, app-02 stand with user data on local: the provider would destroy such a VM",
  );
  expect(site.writes()).toBe(before);
  site.set({ snippets_storage: "local" });
});

it("pass the preflight, which looks at their storage and at the login on the host, too", async () => {
  const { stdout, exitCode } = await site.engine.holdfast("preflight", "--strict", "--json", "dev-apps");
  const { checks } = JSON.parse(stdout) as { checks: { what: string; status: string; found?: string }[] };
  expect(checks.filter(({ status }) => status !== "ok")).toEqual([]);
  expect(checks.map(({ what }) => what)).toEqual(
    expect.arrayContaining([
      "storage local takes snippets",
      "what 127.0.0.1 writes on storage local is read by pve1",
      expect.stringMatching(/^the Proxmox host, which writes user data, root@127\.0\.0\.1:\d+ takes the login$/),
      "corp-app-01 (app-01) answers over SSH",
    ]),
  );
  expect(exitCode).toBe(0);
});

it("are other machines with other host keys after a rebuild, which the gate expects of them", async () => {
  const before = files();
  const done = await site.engine.holdfast("rebuild", "dev-apps", "--confirm", "dev-apps", "--yes");
  expect(done.exitCode, done.stdout + done.stderr).toBe(0);
  expect(done.stdout).toMatch(/host key +SHA256:\S{43} +SHA256:\S{43}/);
  expect(files()).toHaveLength(2);
  expect(files().filter((name) => before.includes(name))).toEqual([]);
});

it("leave no snippet when they are destroyed; somebody else's stays", async () => {
  await site.run("destroy", "--yes", "--skip-preview");
  expect(readdirSync(snippets)).toEqual(["agent.yaml"]);
  expect(site.machines()).toEqual([]);
});

interface Recorded {
  urn: string;
  type: string;
  inputs: { targets: { hostKey?: string }[] };
  outputs: { publicKey: string };
}
