/**
 * The templates of an environment on the real engine, the real provider for Proxmox VE and the plugin, against the simulated
 * API: up, a clean second preview, refresh, a VM in the way, a destroy with clones, and the test of new templates. It never
 * proves that a real Proxmox VE agrees, or that an image boots.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type SimulatedProxmox, startProxmox } from "../../lab/proxmox/simulator.ts";
import { Engine } from "./engine.ts";

const project = "template-image";
const key = "ubuntu-24.04";
const images = { noble: "ab".repeat(32), newer: "cd".repeat(32) };

let engine: Engine;
let proxmox: SimulatedProxmox;

const pulumi = (...args: string[]) => engine.pulumi(project, ...args, "--stack", "dev");
const must = (...args: string[]) => engine.must(project, ...args, "--stack", "dev");
const up = () => must("up", "--yes", "--skip-preview");
const set = (name: string, value: string) => must("config", "set", name, value);
const templates = async () => JSON.parse(await must("stack", "output", "templates", "--json")).templates;
const names = () => proxmox.vms().map(({ config }) => String(config.name));

beforeAll(async () => {
  const storages = [
    { id: "local", type: "dir", content: ["import", "iso", "snippets"] },
    { id: "local-lvm", type: "lvmthin", content: ["images"] },
  ];
  proxmox = await startProxmox({ storages });
  for (const [name, sha256] of Object.entries(images)) {
    proxmox.publish(`https://images.example/${name}.img`, { size: 600e6, virtualSize: 3.5 * 1024 ** 3, sha256 });
  }
  engine = await Engine.open("proxmoxve");
  const certificate = join(engine.env.HOME ?? "", "proxmox.pem");
  writeFileSync(certificate, proxmox.certificate);
  Object.assign(engine.env, { SSL_CERT_FILE: certificate, TMPDIR: engine.env.HOME });
  await engine.must(project, "stack", "init", "dev");
  const settings = {
    "site.id": "home",
    "proxmox.endpoint": proxmox.url,
    node_name: "pve1",
    template_key: key,
    url: "https://images.example/noble.img",
    sha256: images.noble,
    post_build_smoke: JSON.stringify({ ssh_login: "off", timeout_s: 5 }),
  };
  const plain = Object.entries(settings).flatMap(([name, value]) => ["--plaintext", `${name}=${value}`]);
  await must("config", "set-all", ...plain, "--secret", `proxmox.token=${proxmox.token}`);
});
afterAll(async () => {
  engine?.close();
  await proxmox?.stop();
});

test("a template is made, tried, and published; then there is nothing to do", async () => {
  const { stdout: first } = await pulumi("up", "--yes", "--skip-preview");
  console.log(first);
  console.log((await pulumi("preview", "--diff")).stdout);
  console.log((await pulumi("refresh", "--yes", "--skip-preview", "--diff")).stdout);
  console.log((await pulumi("refresh", "--yes", "--skip-preview", "--diff")).stdout);
  console.log((await pulumi("preview", "--diff", "--refresh")).stdout);
  console.log(JSON.stringify(proxmox.vms(), null, 1), await templates(), names());
});
