/**
 * Pools of growing size on a simulated Proxmox VE: `up` and clean previews by holdfast, and by a bare program with the same
 * VMs and nothing of holdfast. Both have the real engine and provider, and a cluster of their own each.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { type SimulatedProxmox, startProxmox } from "../lab/proxmox/simulator.ts";
import { parseConfig } from "../lib/config/strict.ts";
import { Failure } from "../lib/failure.ts";
import { step } from "../lib/progress.ts";
import { platformVmConfig } from "../platform-vm/config.ts";
import { planPool } from "../platform-vm/plan.ts";
import { Engine } from "../test/engine/engine.ts";
import { bareProgram, type ExportedResource } from "./bare.ts";
import type { PoolSize, PoolsMeasured } from "./pool-report.ts";
import { compare, type Pair } from "./spread.ts";

const project = "platform-vm";
const boundMs = 20 * 60_000;
const plannedVms = 10_000;
/** Bytes: room for the disks of the largest pool, twice. */
const storageBytes = 64 * 1024 ** 4;

/**
 * Measures pools of these sizes, each made once and previewed `runs` times, in turns with the bare program.
 * @throws Failure when a preview is not clean: it is not the same pool then.
 */
export async function measurePools(sizes: readonly number[], runs: number): Promise<PoolsMeasured> {
  const measured: PoolSize[] = [];
  for (const vms of sizes) measured.push(await measurePool(vms, runs));
  const planning = await step(`planning ${plannedVms} VMs`, async () => planningSeconds(plannedVms));
  return { sizes: measured, planning: { vms: plannedVms, seconds: planning } };
}

async function measurePool(vms: number, runs: number): Promise<PoolSize> {
  const engine = await Engine.open("proxmoxve");
  const [own, bares] = [await startCluster(), await startCluster()];
  try {
    await configure(engine, own, vms);
    const up = await step(`pools of ${vms}: pulumi up`, async (report) => {
      const holdfast = await timed(engine, own, project, "up", "--yes", "--skip-preview");
      await writeBare(engine, own, bares);
      const pair = { holdfast, other: await timed(engine, bares, "bare", "up", "--yes", "--skip-preview") };
      report.detail(`${pair.holdfast.toFixed(1)} s, bare ${pair.other.toFixed(1)} s`);
      return pair;
    });
    const previews = await step(`pools of ${vms}: previews`, () => previewPairs(engine, own, bares, runs));
    return {
      vms,
      up: compare({ what: `\`up\` of a pool of ${vms}`, with: "the bare program" }, [up]),
      preview: compare({ what: `clean preview of a pool of ${vms}`, with: "the bare program" }, previews),
    };
  } finally {
    engine.close();
    await own.stop();
    await bares.stop();
  }
}

async function previewPairs(
  engine: Engine,
  own: SimulatedProxmox,
  bares: SimulatedProxmox,
  runs: number,
): Promise<Pair[]> {
  const clean = ["preview", "--expect-no-changes"];
  const pairs: Pair[] = [];
  for (let run = 0; run < runs; run++) {
    // In turns, so that neither always finds what the other has just warmed.
    const first = run % 2 === 0 ? await timed(engine, own, project, ...clean) : 0;
    const other = await timed(engine, bares, "bare", ...clean);
    pairs.push({ holdfast: first || (await timed(engine, own, project, ...clean)), other });
  }
  return pairs;
}

function startCluster(): Promise<SimulatedProxmox> {
  return startProxmox({
    storages: [
      { id: "local", type: "dir", content: ["import", "iso", "snippets"] },
      { id: "local-lvm", type: "lvmthin", content: ["images"], total: storageBytes },
    ],
  });
}

async function configure(engine: Engine, proxmox: SimulatedProxmox, vms: number): Promise<void> {
  await engine.must(project, "stack", "init", stack);
  const values = {
    ...{ env: "dev", "proxmox.endpoint": proxmox.url, require_ipam: false, node_name: "pve1" },
    template_vm_id: proxmox.addTemplate({ name: "ubuntu-24.04-template" }),
    ssh_keys: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMeasured",
    // The bare program has none, and nobody would answer.
    post_apply_ssh_readiness: false,
    vms: poolOf(vms),
  };
  const own = Object.entries(values).map(([key, value]) => [`${project}:${key}`, value]);
  engine.configure(project, stack, Object.fromEntries(own));
  await engine.must(project, "config", "set-all", "--stack", stack, "--secret", `proxmox.token=${proxmox.token}`);
}

const stack = "dev-apps";

/** As many VMs by logical name, each with an address of its own. */
function poolOf(vms: number): Record<string, object> {
  const number = (index: number) => String(index + 1).padStart(5, "0");
  const address = (index: number) => `10.12.${Math.floor(index / 250)}.${(index % 250) + 2}/16`;
  const card = (index: number) => ({ bridge: "vnetenv", ipv4: { address: address(index), gateway: "10.12.0.1" } });
  return Object.fromEntries(
    Array.from({ length: vms }, (_, index) => [`app-${number(index)}`, { role: "app", interfaces: [card(index)] }]),
  );
}

/** The pool as a program of its own, on the other cluster: without plugin, components, preflight and contract. */
async function writeBare(engine: Engine, own: SimulatedProxmox, bares: SimulatedProxmox): Promise<void> {
  const text = await engine.must(project, "stack", "export", "--show-secrets", "--stack", stack);
  const there = text.replaceAll(own.url, bares.url).replaceAll(own.token, bares.token);
  const { resources } = (JSON.parse(there) as { deployment: { resources: ExportedResource[] } }).deployment;
  bares.addTemplate({ name: "ubuntu-24.04-template" });
  const folder = join(engine.directory, "bare");
  mkdirSync(folder, { recursive: true });
  const bare = resources.filter(({ type }) => !/^(holdfast:|pulumi:providers:holdfast)/.test(type));
  writeFileSync(join(folder, "index.ts"), bareProgram(bare), { mode: 0o600 });
  writeFileSync(join(folder, "package.json"), `${JSON.stringify({ type: "module", main: "index.ts" })}\n`);
  const runtime = { name: "nodejs", options: { typescript: false, nodeargs: "--import tsx/esm" } };
  const settings = { name: "bare", runtime, main: "index.ts", options: { refresh: "always" } };
  writeFileSync(join(folder, "Pulumi.yaml"), JSON.stringify(settings));
  await engine.must("bare", "stack", "init", stack);
}

/** Runs Pulumi on a cluster. @returns seconds. @throws Failure with what it said. */
async function timed(engine: Engine, proxmox: SimulatedProxmox, folder: string, ...args: string[]): Promise<number> {
  const home = engine.env.HOME ?? "";
  const certificate = join(home, `${folder}.pem`);
  writeFileSync(certificate, proxmox.certificate);
  const began = performance.now();
  const result = await execa("pulumi", [...args, "--stack", stack, "--non-interactive", "--color", "never"], {
    cwd: join(engine.directory, folder),
    env: { ...engine.env, SSL_CERT_FILE: certificate, TMPDIR: home },
    reject: false,
    stdin: "ignore",
    timeout: boundMs,
    all: true,
  });
  const seconds = (performance.now() - began) / 1000;
  if (result.exitCode === 0) return seconds;
  throw new Failure(`pulumi ${args[0]} of the program in ${folder} failed:\n${result.all}`);
}

/** How long it takes to decide a pool of so many VMs, from its stack file's text, in seconds. */
export function planningSeconds(vms: number): number {
  const raw = {
    env: "dev",
    "proxmox.endpoint": "https://pve1.example.org:8006",
    "proxmox.token": "root@pam!ci=00000000-0000-4000-8000-000000000000",
    template_vm_id: "9000",
    require_ipam: "false",
    vms: JSON.stringify(poolOf(vms)),
  };
  const began = performance.now();
  const config = parseConfig(project, stack, platformVmConfig, raw);
  const { length } = planPool(config, undefined, { project, stack }).vms;
  if (length !== vms) throw new Error(`${length} VMs were planned, not ${vms}`);
  return (performance.now() - began) / 1000;
}
