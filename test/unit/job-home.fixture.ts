/**
 * A job that ended, and what it left: as a runner that is what it should be sends it, to be changed by tests into what one sends that
 * is not.
 */
import { createHash } from "node:crypto";
import { wordsOf } from "../../cli/dispatch/home/checkpoint.ts";
import type { Here, StackHere } from "../../cli/dispatch/home/plan.ts";
import { projectPackages, projectPlugins } from "../../cli/dispatch/home/plugins.ts";
import type { Job } from "../../cli/dispatch/job.ts";
import type { Unpacked } from "../../cli/dispatch/tarball.ts";

export const place = { project: "platform-vm", stack: "dev-pgha" };
export const salt = "v1:Q7n8LUsgC5k=:v1:abc";
/** A public key, for nobody: its type and 32 bytes. */
export function publicKey(seed: string): string {
  const type = Buffer.from("ssh-ed25519");
  const bytes = createHash("sha256").update(seed).digest();
  const [head, middle] = [Buffer.alloc(4), Buffer.alloc(4)];
  head.writeUInt32BE(type.length);
  middle.writeUInt32BE(bytes.length);
  return `ssh-ed25519 ${Buffer.concat([head, type, middle, bytes]).toString("base64")}`;
}

const urn = (types: string, name: string) => `urn:pulumi:${place.stack}::${place.project}::${types}::${name}`;
const stackUrn = urn("pulumi:pulumi:Stack", `${place.project}-${place.stack}`);
const providerUrn = urn("pulumi:providers:proxmoxve", "proxmox");
const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: "v1:abc" };
const providerInputs = {
  __internal: { pluginDownloadURL: "github://api.github.com/muhlba91/pulumi-proxmoxve" },
  version: "8.6.0",
  apiToken: secret,
  endpoint: "https://pve1.example.org:8006",
};

/** A resource of the state, in whatever shape a test gives it. */
export type Resource = Record<string, unknown>;

/** The resources of a pool of one VM with an identity. */
export function resources(identity = "sha256:1"): Resource[] {
  const parent = stackUrn;
  return [
    { urn: stackUrn, custom: false, type: "pulumi:pulumi:Stack", outputs: {} },
    { urn: providerUrn, custom: true, id: "p1", type: "pulumi:providers:proxmoxve", inputs: providerInputs, parent },
    {
      ...{ urn: urn("holdfast:components:ProxmoxVm", "vm-pgha-01"), custom: false, parent },
      ...{ type: "holdfast:components:ProxmoxVm", outputs: { address: "192.0.2.1", identity } },
    },
    {
      ...{ urn: urn("holdfast:components:ProxmoxVm$proxmoxve:index/vmLegacy:VmLegacy", "vm-pgha-01-vm"), custom: true },
      ...{ id: "101", type: "proxmoxve:index/vmLegacy:VmLegacy", provider: `${providerUrn}::p1` },
      ...{ parent: urn("holdfast:components:ProxmoxVm", "vm-pgha-01"), inputs: {}, outputs: { vmId: 101 } },
    },
  ];
}

/** A checkpoint as Pulumi's store has it. */
export function checkpoint(all: Resource[] = resources(), more: object = {}): string {
  const latest = { secrets_providers: { type: "passphrase", state: { salt } }, resources: all, ...more };
  return JSON.stringify({ version: 3, checkpoint: { stack: `organization/${place.project}/${place.stack}`, latest } });
}

/** The job. */
export const job: Job = {
  ...{ id: "job-1", runner: "dev-runner", vm: "runner", ref: "platform/pgha@v1", env: "dev", verb: "deploy" },
  ...{ file: "/here/pgha.yml", command: [], passed: [], changes: true, owner: "ada", host: "here", phase: "ended" },
  began: "2026-01-27T10:00:00.000Z",
  backend: "/backend",
  leases: [{ ...place, lock: "/lock", sha256: "ab".repeat(32) }],
  steps: [{ id: "pgha", ...place, config: {} }],
  remote: { directory: "/jobs/1", secrets: "/run/1" },
};

export const run = "20260127T103000Z-77-abcdef";
const state = "home/.local/state/holdfast";

/** Where things are in what a runner sends. */
export const at = {
  state: `backend/.pulumi/stacks/${place.project}/${place.stack}.json`,
  history: `backend/.pulumi/history/${place.project}/${place.stack}/${place.stack}-7`,
  knownHosts: (stack: string) => `home/.config/holdfast/known_hosts/${stack}`,
  evidence: (owner: string, name = run) => `${state}/evidence/${owner}/${name}`,
  record: `${state}/blueprints/dev/platform.pgha.v1.json`,
} as const;

/** A run's evidence under its names in what a runner sends. */
export function evidence(owner: string, name = run, about: object = {}): [string, string][] {
  const [project, stack] = owner.split("/");
  const content = JSON.stringify({ run: name, project, stack, ...about });
  const sha256 = createHash("sha256").update(content).digest("hex");
  const manifest = JSON.stringify({ files: [{ name: "run.json", sha256, size: content.length }] });
  return [
    [`${at.evidence(owner, name)}/run.json`, content],
    [`${at.evidence(owner, name)}/manifest.json`, manifest],
  ];
}

/** The record, as the job left it. */
export function record(changes: { run?: object; step?: object; steps?: object } = {}): string {
  const step = { ...place, status: "ok", run, began: "2026-01-27T10:30:00Z", ...changes.step };
  const about = { id: run, verb: "deploy", file: "/jobs/1/blueprint.yml", began: "", status: "ok", ...changes.run };
  const own = { evidence: `/jobs/1/${at.evidence("blueprint/dev-platform.pgha.v1")}` };
  return JSON.stringify({
    ref: job.ref,
    env: "dev",
    run: { ...own, ...about },
    steps: { pgha: step, ...changes.steps },
  });
}

/** What comes of a job that did what it should; texts by name. */
export function returned(): Map<string, string> {
  return new Map([
    [at.state, checkpoint(resources("sha256:2"))],
    [`${at.history}.history.json`, "{}"],
    [`${at.history}.checkpoint.json`, checkpoint()],
    [at.knownHosts("platform-vm/dev-pgha"), `192.0.2.1 ${publicKey("new")}\n`],
    ...evidence("platform-vm/dev-pgha"),
    ...evidence("blueprint/dev-platform.pgha.v1"),
    [at.record, record()],
  ]);
}

/** The same as it is unpacked. */
export function unpacked(texts: ReadonlyMap<string, string>, more: Partial<Unpacked> = {}): Unpacked {
  const files = new Map([...texts].map(([name, text]) => [name, Buffer.from(text)]));
  return { files, directories: new Set(), refused: [], ...more };
}

/** What is known here. */
export function here(changes: Partial<Here> = {}, stack: Partial<StackHere> = {}): Here {
  const sent = checkpoint();
  const own: StackHere = {
    ...{ sent, secretsProviders: [], packages: projectPackages("platform-vm"), plugins: projectPlugins("platform-vm") },
    ...{ given: wordsOf(`${sent} forge.example.org`), knownHosts: `192.0.2.1 ${publicKey("old")}\n` },
    ...{ pinned: new Set<string>(), ...stack },
  };
  return {
    stacks: new Map([["platform-vm/dev-pgha", own]]),
    reads: new Map([["foundation/shared", `192.0.2.2 ${publicKey("kept")}\n`]]),
    evidence: () => new Map(),
    evidenceRoot: "/state/evidence",
    record: { ref: job.ref, env: "dev", steps: {} },
    now: Date.parse("2026-01-27T11:00:00Z"),
    rebased: (text) =>
      text
        .replaceAll("/jobs/1/home/.local/state/holdfast/", "/state/")
        .replaceAll("/jobs/1/blueprint.yml", "/here/pgha.yml"),
    ...changes,
  };
}
