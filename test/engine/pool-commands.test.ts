/**
 * The commands of the CLI for pools of VMs, with the real engine and the real provider against the simulated Proxmox VE: what
 * they do, and what they refuse. It never proves that a real Proxmox VE agrees.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Check } from "../../lib/preflight/check.ts";
import { keyPair, type StandIn, sshServer } from "../fixtures/ssh-host.fixture.ts";
import { PoolSite, up, vm } from "./pool-site.fixture.ts";

let site: PoolSite;
const both = { "app-01": vm(12), "app-02": vm(13) };

beforeAll(async () => {
  site = await PoolSite.open();
  site.pool(both);
  await site.run(...up);
});

afterAll(() => site?.close());

describe("holdfast preflight", () => {
  const preflight = async (...more: string[]) => {
    const result = await site.engine.holdfast("preflight", "dev-apps", "--json", ...more);
    const { checks } = JSON.parse(result.stdout || '{"checks":[]}') as { checks: Check[] };
    return { ...result, checks, notGood: checks.filter(({ status }) => status !== "ok") };
  };

  it("finds nothing where all is well, changes nothing, and shows no secret", async () => {
    const before = site.writes();
    const strict = await preflight("--strict");
    expect(strict.notGood, strict.stderr).toEqual([]);
    expect(strict.exitCode).toBe(0);
    expect(strict.checks.map(({ what }) => what)).toEqual(
      expect.arrayContaining([
        "no VM that stands is taken away",
        `template ${site.template} can be cloned`,
        "storage local-lvm of node pve1 takes images",
        "node pve1 has the bridge vnetdev",
        "dev-app-01 (app-01) answers over SSH",
      ]),
    );
    const table = await site.engine.holdfast("preflight", "platform-vm/dev-apps");
    expect(table.stdout).toMatch(/^platform-vm\/dev-apps\n\n✓ ok/);
    expect(site.writes()).toBe(before);
    expect(strict.stdout + table.stdout).not.toContain(site.token.split("=")[1]);
  });

  it("shows every mistake of the stack file at once, each with what mends it", async () => {
    site.pool({ "app-01": vm(12, { cpu_cors: 2 }), "app-02": vm(13) });
    site.set({ disk_size_gb: "none", datastroe_id: "fast" });
    const { exitCode, notGood } = await preflight();
    site.set({ disk_size_gb: "8" });
    site.unset("datastroe_id");
    site.pool(both);
    expect(exitCode).toBe(1);
    const failed = notGood.filter(({ status }) => status === "failed");
    expect(failed.map(({ found, fix }) => `${found} → ${fix}`)).toEqual([
      "is not a key of this project; did you mean datastore_id? → pulumi config rm datastroe_id --stack dev-apps, in platform-vm/",
      expect.stringMatching(
        /whole number .*→ pulumi config set disk_size_gb <value> --stack dev-apps, in platform-vm\//,
      ),
      expect.stringMatching(/app-01.*cpu_cors.*→ edit platform-vm:vms in stacks\/platform-vm\/Pulumi.dev-apps.yaml/),
    ]);
    expect(notGood).toContainEqual(
      expect.objectContaining({ status: "skipped", found: expect.stringContaining("not looked at") }),
    );
  });

  it("refuses what the guards refuse, and what the cluster does not have, in one table", async () => {
    const foreign = site.proxmox.addTemplate({ name: "dev-app-09" });
    site.pool({ "app-01": vm(12, { disk_size_gb: 6, datastore_id: "gold" }), "app-09": vm(19) });
    const { exitCode, notGood } = await preflight();
    site.pool(both);
    expect(exitCode).toBe(1);
    const output = notGood.map(({ found, fix }) => `${found} → ${fix}`);
    expect(output).toEqual([
      expect.stringMatching(
        /vm set collision detected: .*existing_only=\[app-02\].*→ pulumi config set allow_vm_set_replace [0-9a-f]{16}/,
      ),
      expect.stringContaining("is 6, and the disk has 8 GiB; a disk is never made smaller"),
      expect.stringContaining(
        `template ${foreign} (dev-app-09) on node pve1 has the name of inputs.vms.app-09, and is not ours`,
      ),
      expect.stringContaining("node pve1 shows the token no storage gold, but local, local-lvm → set datastore_id"),
    ]);
  });

  it("names a template that is not there, and who publishes it", async () => {
    site.unset("template_vm_id");
    site.set({ template_state_ref: "core/onprem/template-image" });
    const { exitCode, notGood } = await preflight();
    site.unset("template_state_ref");
    site.set({ template_vm_id: String(site.template) });
    expect(exitCode).toBe(1);
    expect(notGood[0]?.found).toContain("template_state_ref not found in env state");
    expect(notGood[0]?.fix).toBe("pulumi up --stack dev, in template-image/");
  });

  it("only warns of what an update may do without, and fails for it with --strict", async () => {
    const { env } = site.engine;
    await site.silence();
    site.set({ ssh_proxy_jump_host: "127.0.0.1", ssh_proxy_jump_port: "1", ssh_keys: site.operator.public });
    const key = env.RUNNER_SSH_KEY_PATH ?? "";
    env.RUNNER_SSH_KEY_PATH = join(env.HOME ?? "", "nosuch");
    const relaxed = await preflight();
    const strict = await preflight("--strict");
    env.RUNNER_SSH_KEY_PATH = key;
    site.unset("ssh_proxy_jump_host", "ssh_proxy_jump_port", "ssh_keys");
    await site.serveAgain();
    expect(relaxed).toMatchObject({ exitCode: 0 });
    expect(strict).toMatchObject({ exitCode: 1 });
    expect(relaxed.notGood.map(({ status, what }) => `${status} ${what}`)).toEqual([
      "warning there is a key for SSH",
      "warning the jump host root@127.0.0.1:1 takes the login",
      "warning dev-app-01 (app-01) answers over SSH",
      "warning dev-app-02 (app-02) answers over SSH",
    ]);
    expect(strict.notGood.map(({ status }) => status)).toEqual(["failed", "failed", "failed", "failed"]);
  });

  it("says that Proxmox VE refuses the token, and asks for another one where there is none", async () => {
    site.proxmox.faults.refuse({ method: "GET", path: "/version", status: 401, message: "invalid token value!" });
    const refused = await preflight();
    expect(refused.exitCode).toBe(1);
    expect(refused.notGood[0]?.found).toContain("the token ci@pve!pools is not accepted");
    site.unset("proxmox.token");
    const missing = await preflight();
    await site.run("config", "set-all", "--secret", `proxmox.token=${site.token}`);
    expect(missing.notGood[0]).toMatchObject({
      what: "platform-vm:proxmox.token can be used",
      found: "is required",
      fix: "npx holdfast secrets ensure platform-vm/dev-apps",
    });
  });

  it.each([
    ["a stack that is not there", ["preflight", "nosuch"], "nosuch"],
    ["another project", ["preflight", "runners/crunchy"], "is no name of a stack of platform-vm or template-image"],
    ["an option of another command", ["preflight", "dev-apps", "--yes"], "`holdfast preflight` has no option --yes"],
  ])("exits with 2 for %s", async (_what, args, output) => {
    const { exitCode, stderr } = await site.engine.holdfast(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(output);
    expect(stderr).not.toContain("    at ");
  });

  it("looks at templates, too", async () => {
    await site.engine.init("template-image", "dev");
    const empty = await site.engine.holdfast("preflight", "template-image/dev");
    expect(empty.exitCode).toBe(1);
    expect(empty.stdout).toContain("→ npx holdfast secrets ensure template-image/dev");
  });
});

describe("holdfast secrets ensure", () => {
  const ensure = (input: string, stack = "platform-vm/dev-apps") =>
    site.engine.holdfastWith({ input }, "secrets", "ensure", "--stdin", stack);
  const secret = () => site.token.split("=")[1] ?? "";

  it("says what was there, and stores what is missing: as a secret, shown nowhere", async () => {
    const there = await ensure("", "dev-apps");
    expect(there, there.stderr).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("✓ proxmox.token is there"),
    });
    site.unset("proxmox.token");
    const nobody = await site.engine.holdfast("secrets", "ensure", "dev-apps");
    expect(nobody).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("there is no terminal to ask at") });
    const stored = await ensure(`proxmox.token=${site.token}\n`);
    expect(stored, stored.stderr).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("proxmox.token is stored"),
    });
    expect(stored.stdout + stored.stderr).not.toContain(secret());
    expect(await site.run("config", "get", "proxmox.token")).toBe(site.token);
    expect(JSON.parse(await site.run("config", "--json"))["platform-vm:proxmox.token"]).toEqual({ secret: true });
    await site.run("preview", "--expect-no-changes");
  });

  it("stores nothing when one value is plainly wrong, and repeats none", async () => {
    await site.engine.must("runners", "stack", "init", "crunchy");
    site.unset("proxmox.token");
    const wrong = await ensure("proxmox.token=hunter2-hunter2\nnode_name=pve1\n");
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toContain("proxmox.token: expected user@realm!id=uuid");
    expect(wrong.stderr).toContain("node_name: is no secret of this project");
    expect(wrong.stdout + wrong.stderr).not.toContain("hunter2");
    expect(JSON.parse(await site.run("config", "--json"))).not.toHaveProperty("platform-vm:proxmox.token");
    expect((await ensure("", "runners/crunchy")).stderr).toContain("forge.token: is needed, and is not given");
    await site.run("config", "set-all", "--secret", `proxmox.token=${site.token}`);
  });

  it("finds a secret that is there in the clear", async () => {
    site.set({ "proxmox.token": site.token });
    const clear = await ensure("");
    await site.run("config", "set-all", "--secret", `proxmox.token=${site.token}`);
    expect(clear.exitCode).toBe(1);
    expect(clear.stdout).toContain(
      "✗ proxmox.token is there in the clear\n  → pulumi config set --secret proxmox.token",
    );
    expect(clear.stdout + clear.stderr).not.toContain(secret());
  });
});

describe("holdfast init proxmox", () => {
  let bastion: StandIn;
  const init = (token: string, ...more: string[]) =>
    site.engine.holdfastWith({ env: { PROXMOX_VE_API_TOKEN: token } }, "init", "proxmox", ...more);
  const given = (more: string[] = ["--storage", "local-lvm", "--storage", "local"]) => [
    ...["--endpoint", site.proxmox.url, "--node", "pve1", "--bastion", `127.0.0.1:${bastion.port}`, ...more],
  ];
  const recorded = () =>
    readFileSync(join(site.engine.directory, "stacks", "foundation", "Pulumi.shared.yaml"), "utf8");

  beforeAll(async () => {
    bastion = await sshServer({ allowed: site.operator.public, hostKey: keyPair() });
    const authorities = { forge: { url: "https://forge.example.org", secretKey: "forge.token" } };
    await site.engine.init("foundation", "shared", { "site.id": "home", "site.env": "dev", authorities });
  });

  afterAll(() => bastion?.stop());

  it("says everything that is wrong at once, and records nothing", async () => {
    const before = recorded();
    const token = site.proxmox.addToken("ci@pve!narrow", { "/": ["*"], "/storage": [] });
    const stranger = await sshServer({ allowed: keyPair().public });
    const refused = await init(
      token,
      ...["--endpoint", site.proxmox.url, "--node", "pve1", "--storage", "local-lvm"],
      ...["--bastion", `127.0.0.1:${stranger.port}`],
    );
    await stranger.stop();
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout.replace(/\s+/g, " ")).toContain("node pve1 shows the token no storage local-lvm, but none");
    expect(refused.stdout.replace(/\s+/g, " ")).toContain("the login was refused");
    expect(refused.stdout).toContain("nothing was recorded");
    expect(recorded()).toEqual(before);
    expect(existsSync(join(site.engine.env.HOME ?? "", ".config/holdfast/known_hosts/foundation/shared"))).toBe(false);
  });

  it("sends its token to nobody whose certificate is not vouched for", async () => {
    const before = site.proxmox.requests.length;
    const args = ["init", "proxmox", ...given()];
    const env = { PROXMOX_VE_API_TOKEN: site.token, SSL_CERT_FILE: "" };
    const refused = await site.engine.holdfastWith({ env }, ...args);
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout).toContain("→ export SSL_CERT_FILE=");
    expect(site.proxmox.requests).toHaveLength(before);
  });

  it.each([
    ["no terminal for the token", "", [], "export PROXMOX_VE_API_TOKEN="],
    ["a token that is none", "hunter2", [], "the token is not user@realm!id=uuid"],
    ["a foundation that is not there", "", ["--stack", "nosuch"], "nosuch"],
  ])("does not begin with %s", async (_what, token, more, output) => {
    const { exitCode, stdout, stderr } = await init(token, ...given(), ...more);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain(output);
    expect(stderr).not.toContain("hunter2");
  });

  it("records the cluster beside what is there, from which a pool finds endpoint, node, storage and bastion", async () => {
    const done = await init(site.token, ...given());
    expect(done.exitCode, done.stdout + done.stderr).toBe(0);
    const fingerprint = /host key (SHA256:\S{43}), met for the first time/.exec(done.stdout.replace(/\s+/g, " "))?.[1];
    expect(fingerprint).toBeDefined();
    expect(done.stdout).toContain("next: pulumi up --stack shared, in the top folder");
    expect(done.stdout + done.stderr + recorded()).not.toContain(site.token.split("=")[1]);
    await site.engine.must(".", "up", "--yes", "--skip-preview", "--stack", "shared");
    const { authorities } = (await site.engine.outputs(".", "shared")).site;
    expect(authorities).toEqual({
      forge: { url: "https://forge.example.org", secretKey: "forge.token" },
      proxmox: {
        ...{ url: site.proxmox.url, address: "127.0.0.1", port: bastion.port, secretKey: "proxmox.token" },
        ...{ node: "pve1", storages: ["local-lvm", "local"], hostKey: expect.stringMatching(/^ssh-ed25519 \S+$/) },
      },
    });

    site.unset("proxmox.endpoint", "node_name");
    site.set({ "site.stack": "shared" });
    const looked = await site.engine.holdfast("preflight", "--strict", "--json", "dev-apps");
    site.unset("site.stack");
    site.set({ "proxmox.endpoint": site.proxmox.url, node_name: "pve1" });
    const { checks } = JSON.parse(looked.stdout) as { checks: Check[] };
    expect(checks).toContainEqual({
      what: `the bastion root@127.0.0.1:${bastion.port} takes the login`,
      status: "ok",
      found: `host key ${fingerprint}, as known`,
    });
    expect(checks).toContainEqual({ what: "node pve1 answers", status: "ok" });
    expect(checks).toContainEqual({ what: "storage local-lvm of node pve1 takes images", status: "ok" });
  });

  it("refuses another host key at the bastion's address than the one that it recorded", async () => {
    const before = recorded();
    const { port } = bastion;
    await bastion.stop();
    bastion = await sshServer({ port, allowed: site.operator.public });
    const refused = await init(site.token, ...given());
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout.replace(/\s+/g, " ")).toContain(`host key of 127.0.0.1:${port} changed`);
    expect(recorded()).toEqual(before);
  });
});
