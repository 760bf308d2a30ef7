/**
 * The templates of an environment on the real engine, the real provider for Proxmox VE and the plugin, against the simulated
 * API: up, a clean second preview, refresh, a VM in the way, a destroy with clones, and the test of new templates. It never
 * proves that a real Proxmox VE agrees, or that an image boots.
 */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SimulatedProxmox, startProxmox } from "../../lab/proxmox/simulator.ts";
import { until } from "../../lab/wait.ts";
import { Engine } from "./engine.ts";

const project = "template-image";
const key = "ubuntu-24.04";
/** What the token of the README may do. */
const privileges = /--privs "([^"]+)"/
  .exec(readFileSync(join(import.meta.dirname, "../../template-image/README.md"), "utf8"))?.[1]
  ?.split(" ");
const vendorDataFileId = "files:snippets/agent.yaml";
const images = { noble: "ab".repeat(32), newer: "cd".repeat(32) };

let engine: Engine;
let proxmox: SimulatedProxmox;
let token: string;

const pulumi = (...args: string[]) => engine.pulumi(project, ...args, "--stack", "dev");
const must = (...args: string[]) => engine.must(project, ...args, "--stack", "dev");
const up = () => must("up", "--yes", "--skip-preview");
const set = (values: Record<string, unknown>) =>
  engine.configure(
    project,
    "dev",
    Object.fromEntries(Object.entries(values).map(([name, value]) => [`${project}:${name}`, value])),
  );
const templates = async () => (await engine.outputs(project, "dev")).templates.templates;
const names = () => proxmox.vms().map(({ config }) => String(config.name));

beforeAll(async () => {
  const storages = [
    { id: "local", type: "dir", content: ["import", "iso", "snippets"] },
    { id: "local-lvm", type: "lvmthin", content: ["images"] },
    { id: "files", type: "dir", path: snippetStorage(), content: ["snippets"] },
  ];
  proxmox = await startProxmox({ storages, nodes: ["pve1", "pve2"] });
  for (const [name, sha256] of Object.entries(images)) {
    proxmox.publish(`https://images.example/${name}.img`, { size: 600e6, virtualSize: 3.5 * 1024 ** 3, sha256 });
  }
  token = proxmox.addToken("ci@pve!holdfast", { "/": privileges ?? [] });
  engine = await Engine.open("proxmoxve");
  const certificate = join(engine.env.HOME ?? "", "proxmox.pem");
  writeFileSync(certificate, proxmox.certificate);
  Object.assign(engine.env, { SSL_CERT_FILE: certificate, TMPDIR: engine.env.HOME });
  const settings = {
    "site.id": "home",
    "proxmox.endpoint": proxmox.url,
    node_name: "pve1",
    template_key: key,
    url: "https://images.example/noble.img",
    sha256: images.noble,
    vendor_data_file_id: vendorDataFileId,
    post_build_smoke: { ssh_login: "off", timeout_s: 5 },
  };
  await engine.init(project, "dev", settings, { "proxmox.token": token });
});
afterAll(async () => {
  engine?.close();
  await proxmox?.stop();
});

/** Directory of a storage with the vendor data of the templates. */
function snippetStorage(): string {
  const path = mkdtempSync(join(tmpdir(), "holdfast-snippets-"));
  mkdirSync(join(path, "snippets"));
  writeFileSync(join(path, "snippets", "agent.yaml"), "#cloud-config\n");
  return path;
}

/** Sends a request as an administrator would. */
async function administrate(method: string, path: string, fields: Record<string, string> = {}): Promise<void> {
  const { url, token, certificate } = proxmox;
  const body = new URLSearchParams(fields).toString();
  await new Promise<void>((resolve, reject) => {
    const headers = { authorization: `PVEAPIToken=${token}`, "content-type": "application/x-www-form-urlencoded" };
    const call = request(`${url}/api2/json${path}`, { method, headers, ca: certificate }, (answer) => {
      answer
        .resume()
        .on("end", () => (answer.statusCode === 200 ? resolve() : reject(new Error(answer.statusMessage))));
    });
    call.on("error", reject).end(method === "DELETE" ? undefined : body);
  });
}

const gone = { what: "the end of a task", boundMs: 60_000, everyMs: 5, lookAt: "the simulation's tasks" };

async function linkClone(template: number, newid: number, name: string): Promise<void> {
  await administrate("POST", `/nodes/pve1/qemu/${template}/clone`, { newid: String(newid), name });
  await until(gone, async () => (proxmox.vm(newid).lock === undefined ? true : undefined));
}

async function destroyVm(vmid: number): Promise<void> {
  await administrate("DELETE", `/nodes/${proxmox.vm(vmid).node}/qemu/${vmid}`);
  await until(gone, async () => (proxmox.vms().some((vm) => vm.vmid === vmid) ? undefined : true));
}

/** Removes the downloaded images; returns their ids. */
async function removeImages(): Promise<string[]> {
  const ids = proxmox.volumes("local").map(({ volid }) => volid);
  for (const id of ids) await administrate("DELETE", `/nodes/pve1/storage/local/content/${encodeURIComponent(id)}`);
  await until(gone, async () => (proxmox.volumes("local").length === 0 ? true : undefined));
  return ids;
}

/** Outputs of the resources of a type in the state. */
async function resources(type: string): Promise<{ evidenceDir: string }[]> {
  const { deployment } = JSON.parse(await engine.state(project, "dev"));
  return deployment.resources.flatMap((one: { type: string; outputs: object }) =>
    one.type === type ? one.outputs : [],
  );
}

/** What platform-vm would make of a pool of one VM, cloned from a template that it finds in this stack's contract. */
async function previewOfPool(template: string): Promise<string> {
  const values = {
    ...{ env: "dev", "proxmox.endpoint": proxmox.url, template_state_ref: "core/onprem/template-image" },
    ...{ "bastion.address": "192.0.2.2", snippets_storage: "files" },
    ...{ template_key: template, require_ipam: "false", ssh_keys: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlanted" },
    vms: {
      "app-01": { interfaces: [{ bridge: "vnetenv", ipv4: { address: "10.12.0.21/24", gateway: "10.12.0.1" } }] },
    },
  };
  await engine.init("platform-vm", "dev-apps", values, { "proxmox.token": token });
  return engine.must("platform-vm", "preview", "--diff", "--stack", "dev-apps");
}

/** What a failing command says, with its exit code looked at. */
async function refused(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await pulumi(...args);
  expect(exitCode).not.toBe(0);
  return `${stdout}\n${stderr}`;
}

test("a template is made, tried, and published, and nothing else is left", async () => {
  await up();
  const template = proxmox.vm("ubuntu-24.04-template");
  const published = { vmId: template.vmid, name: "ubuntu-24.04-template", node: "pve1", vendorDataFileId };
  expect(await templates()).toEqual({ [key]: { ...published, digest: `sha256:${images.noble}` } });
  expect(template.config).toMatchObject({
    template: 1,
    agent: expect.stringContaining("enabled=1"),
    ide2: expect.stringContaining("cloudinit"),
    scsi0: expect.stringMatching(/base-\d+-disk-0,.*size=40G/),
    tags: "holdfast.home.template-image.dev;sha256-abababababab;ubuntu-24.04",
  });
  expect(names()).toEqual(["ubuntu-24.04-template"]);
  const asked = proxmox.requests.map(({ method, path }) => `${method} ${path}`);
  expect(asked.filter((request) => /POST .*(clone|start)$/.test(request))).toHaveLength(2);
  expect(await engine.state(project, "dev")).not.toContain(token.split("=")[1]);
});

test("a preview is clean after refreshes", async () => {
  await must("refresh", "--yes", "--skip-preview");
  await must("refresh", "--yes", "--skip-preview");
  await must("preview", "--expect-no-changes");
});

test("a token that was renewed is taken up, and changes no template; the preview is clean without a refresh", async () => {
  const { vmid } = proxmox.vm("ubuntu-24.04-template");
  token = proxmox.addToken("ci@pve!holdfast", { "/": privileges ?? [] });
  await must("config", "set", "--secret", "proxmox.token", token);
  await up();
  await must("preview", "--expect-no-changes");
  expect(proxmox.vm("ubuntu-24.04-template").vmid).toBe(vmid);
});

test("more memory is set in place, and the template is not tried again", async () => {
  const { vmid } = proxmox.vm("ubuntu-24.04-template");
  const before = proxmox.requests.length;
  set({ memory_mb: 8192 });
  await up();
  expect(proxmox.vm("ubuntu-24.04-template")).toMatchObject({ vmid, config: { memory: "8192", template: 1 } });
  expect(proxmox.requests.slice(before).filter(({ path }) => path.endsWith("/clone"))).toEqual([]);
});

test("an image that was removed to save space is fetched again, and makes no other template", async () => {
  const { vmid } = proxmox.vm("ubuntu-24.04-template");
  const [file] = await removeImages();
  await must("refresh", "--yes", "--skip-preview");
  await up();
  expect(proxmox.vm("ubuntu-24.04-template").vmid).toBe(vmid);
  expect(proxmox.volumes("local").map(({ volid }) => volid)).toEqual([file]);
});

test("another image makes another template in the place of the old one", async () => {
  set({ url: "https://images.example/newer.img", sha256: images.newer });
  await up();
  expect((await templates())[key].digest).toBe(`sha256:${images.newer}`);
  expect(names()).toEqual(["ubuntu-24.04-template"]);
  expect(proxmox.vm("ubuntu-24.04-template").config.tags).toContain("sha256-cdcdcdcdcdcd");
  expect(proxmox.volumes("local").map(({ volid }) => volid)).toEqual([
    "local:import/home.template-image.dev-ubuntu-24.04-cdcdcdcdcdcd.qcow2",
  ]);
});

test("a template that was deleted by hand is missed, and made anew after a refresh", async () => {
  const { vmid } = proxmox.vm("ubuntu-24.04-template");
  await destroyVm(vmid);
  expect(await refused("preview")).toContain(
    `template ${vmid} of ubuntu-24.04, which this stack's state has, is not there`,
  );
  await must("refresh", "--yes", "--skip-preview");
  await up();
  expect(await templates()).toMatchObject({ [key]: { vmId: proxmox.vm("ubuntu-24.04-template").vmid } });
});

test("a template that VMs are linked to is neither replaced nor destroyed", async () => {
  const { vmid } = proxmox.vm("ubuntu-24.04-template");
  await linkClone(vmid, 555, "dev-pgha-01");
  set({ sha256: images.noble });
  const words = `template ${vmid} (ubuntu-24.04-template) on node pve1 has 1 linked clone:`;
  expect(await refused("preview")).toContain(`another image of ubuntu-24.04 is to replace it, but ${words}`);
  // What the preflight does not foresee, the guard refuses.
  set({ sha256: images.newer, disk_size_gb: 50 });
  expect(await refused("up", "--yes", "--skip-preview")).toContain(`nothing was deleted: ${words}`);
  const output = await refused("destroy", "--yes", "--skip-preview");
  expect(output).toContain(`nothing was deleted: ${words}`);
  expect(output).toContain("VM 555 (dev-pgha-01) on node pve1");
  expect(output).toContain("HOLDFAST_ALLOW_DESTROY_WITH_CLONES=ubuntu-24.04-template");
  expect(proxmox.vm("ubuntu-24.04-template").vmid).toBe(vmid);
});

test("confirmed, the destroy goes on to Proxmox VE, which has the last word; without clones it leaves nothing", async () => {
  engine.env.HOLDFAST_ALLOW_DESTROY_WITH_CLONES = "ubuntu-24.04-template";
  const output = await refused("destroy", "--yes", "--skip-preview");
  delete engine.env.HOLDFAST_ALLOW_DESTROY_WITH_CLONES;
  expect(output).toContain("still in use by linked clones");
  await destroyVm(555);
  await must("destroy", "--yes", "--skip-preview");
  expect(names()).toEqual([]);
  for (const storage of ["local", "local-lvm"]) expect(proxmox.volumes(storage)).toEqual([]);
});

test("somebody's VM of that name, on another node, stops the preview, and is neither used nor changed", async () => {
  const vmid = proxmox.addTemplate({ name: "ubuntu-24.04-template", node: "pve2", config: { tags: "mail" } });
  const before = proxmox.requests.length;
  const output = await refused("preview");
  expect(output).toContain(
    `template ${vmid} (ubuntu-24.04-template) on node pve2 has the name of ubuntu-24.04, and is not ours`,
  );
  expect(output).toContain("set templates.ubuntu-24.04.name to another one");
  expect(proxmox.requests.slice(before).filter(({ method }) => method !== "GET")).toEqual([]);
  await destroyVm(vmid);
});

test("a template that fails its test is kept, fails the update, and is tried again by the next one", async () => {
  proxmox.faults.silenceAgent();
  set({ post_build_smoke: { ssh_login: "off", timeout_s: 1 } });
  const output = await refused("up", "--yes", "--skip-preview");
  expect(output).toContain("post-build template smoke validation failed: the guest agent gave no address within 1 s");
  expect(output).toContain("(set inputs.post_build_smoke.required=false to warn-only");
  const report = JSON.parse(readFileSync(/(\S+template_smoke\.json)/.exec(output)?.[1] ?? "", "utf8"));
  const one = report.templates[key];
  expect([report.status, one]).toMatchObject(["error", { status: "error", template_key: key, required: true }]);
  expect(one.steps.map(({ step, status }: { step: string; status: string }) => `${step} ${status}`)).toEqual([
    "sweep ok",
    "clone ok",
    "start ok",
    "guest_agent_ip error",
    "cleanup ok",
  ]);
  const { vmid } = proxmox.vm("ubuntu-24.04-template");
  expect(names()).toEqual(["ubuntu-24.04-template"]);
  proxmox.faults.clear();
  await up();
  expect((await templates())[key].vmId).toBe(vmid);
  await must("preview", "--expect-no-changes");
});

test("one stack publishes several templates, made side by side under ids of their own", async () => {
  await must("destroy", "--yes", "--skip-preview");
  const url = "https://images.example/noble.img";
  const wanted = {
    "rocky-9": { url, sha256: images.noble, cpu_cores: 4 },
    "ubuntu-24.04": { url, sha256: images.noble },
  };
  set({ template_key: undefined, url: undefined, sha256: undefined, templates: wanted });
  await up();
  const made = await templates();
  expect(Object.keys(made).sort()).toEqual(["rocky-9", "ubuntu-24.04"]);
  expect(made["rocky-9"].vmId).toBe(proxmox.vm("rocky-9-template").vmid);
  expect(proxmox.vm("rocky-9-template").config.cores).toBe(4);
  const smoke = await resources("holdfast:proxmox:TemplateSmoke");
  const reports = smoke.map(({ evidenceDir }) => readFileSync(join(evidenceDir, "template_smoke.json"), "utf8"));
  expect(Object.keys(JSON.parse(reports[0] ?? "").templates).sort()).toEqual(["rocky-9", "ubuntu-24.04"]);
  expect(names().sort()).toEqual(["rocky-9-template", "ubuntu-24.04-template"]);
  await must("preview", "--expect-no-changes");
  const preview = await previewOfPool("rocky-9");
  expect(preview).toMatch(new RegExp(`clone\\s*: \\{[^}]*vmId\\s*: ${made["rocky-9"].vmId}\\b`));
  // With user data of its own a clone would lose it.
  expect(preview).toMatch(new RegExp(`vendorDataFileId\\s*: "${vendorDataFileId}"`));
  await must("destroy", "--yes", "--skip-preview");
  expect(names()).toEqual([]);
});
