/**
 * The states of a template and a pool, recorded as an earlier commit made them: this one previews them without a change, above
 * all without replacing or deleting a VM. Real here: the engine and the providers. The cluster is simulated, with the VMs that
 * it had when the states were recorded (record-pool.ts).
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SimulatedProxmox } from "../../lab/proxmox/simulator.ts";
import type { ClusterSnapshot } from "../../lab/proxmox/snapshot.ts";
import { Engine } from "./engine.ts";
import { configureRecorded, placeholders, recordedCluster, recordedFile, recordedStacks } from "./recorded-pool.ts";

const read = <T>(name: string) => JSON.parse(readFileSync(recordedFile(name), "utf8")) as T;
let engine: Engine;
let proxmox: SimulatedProxmox;

beforeAll(async () => {
  const { passphrase, publicKey } = read<{ passphrase: string; publicKey: string }>("about");
  proxmox = await recordedCluster({ snapshot: read<ClusterSnapshot>("cluster") });
  engine = await Engine.open("proxmoxve");
  engine.env.PULUMI_CONFIG_PASSPHRASE = passphrase;
  await configureRecorded(engine, proxmox, publicKey);
  for (const [project, stack] of recordedStacks) await importState(project, stack);
});

afterAll(async () => {
  engine?.close();
  await proxmox?.stop();
});

/** Puts the recorded state in the stack's place, with URL and token of today's simulation. */
async function importState(project: string, stack: string): Promise<void> {
  const file = join(engine.env.HOME ?? "", "state.json");
  const put = async (text: string) => {
    writeFileSync(file, text, { mode: 0o600 });
    await engine.must(project, "stack", "import", "--stack", stack, "--file", file);
  };
  await put(readFileSync(recordedFile(project), "utf8").replaceAll(placeholders.url, proxmox.url));
  const clear = await engine.must(project, "stack", "export", "--show-secrets", "--stack", stack);
  const [, token] = /"plaintext": "\\"(root@pam![^"\\]+)\\""/.exec(clear) ?? [];
  if (token === undefined) throw new Error(`the recorded state of ${project} has no token`);
  await put(clear.replaceAll(token, proxmox.token));
}

interface State {
  deployment: { resources: { type: string }[] };
}

interface Preview {
  steps: { op: string; urn: string }[];
  changeSummary: Record<string, number>;
}

test.each(recordedStacks)("%s/%s previews without a change, after a refresh too", async (project, stack) => {
  for (const refresh of ["--refresh=false", "--refresh"]) {
    const preview = await engine.must(project, "preview", "--json", refresh, "--stack", stack);
    const { steps, changeSummary } = JSON.parse(preview) as Preview;
    const changes = steps.filter(({ op }) => !["same", "refresh", "read"].includes(op));
    expect(changes.map(({ op, urn }) => `${op} ${urn.split("::").at(-1)}`)).toEqual([]);
    // Everything that was recorded was looked at; the engine's own provider is not the program's.
    const { deployment } = JSON.parse(await engine.state(project, stack)) as State;
    const declared = deployment.resources.filter(({ type }) => type !== "pulumi:providers:pulumi");
    expect(changeSummary).toEqual({ same: declared.length });
  }
});
