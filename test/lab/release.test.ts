/**
 * The state that release 0.1 left, recorded in the lab: this release previews it without replacing or deleting anything, and
 * destroys it cleanly. Real here: the engine, the libvirt provider, libvirt with a domain and volumes as recorded, the
 * forge. The machine in the domain never boots: nothing in this needs it to answer. Not proven: an `up` over the old state
 * (its runner's update in place is what fleet.test.ts does when something drifted).
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { openSite } from "../../lab/demo.ts";
import { ForgeClient } from "../../lab/forge-client.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { siteDown } from "../../lab/site.ts";
import { pulumi, type Workspace } from "../../lab/workspace.ts";

const siteName = "t-release";
const recorded = join(import.meta.dirname, "recorded/release-0.1");
const missing = missingPrerequisites().filter((what) => !what.startsWith("package "));
const vmName = "foundation-runner-02";
const imageSha256 = "d175865cc2c72d34fae3033bc31192cc44c3424ce920ed1f330b69d8b80b09ac";
const binarySha256 = "e49ef2361f7971fcacb31dfcfa90e68fc52081d8db640e4dd05b17c797de39e0";

describe.skipIf(missing.length > 0)("the state of release 0.1", () => {
  let workspace: Workspace;
  const run = (project: string, stack: string, ...args: string[]) =>
    pulumi(workspace, project, [...args, "--stack", stack], {
      check: false,
      timeoutMs: 300_000,
      // Its secrets were those of a site that is gone.
      env: { PULUMI_CONFIG_PASSPHRASE_FILE: join(recorded, "passphrase"), HOLDFAST_CACHE: cacheOfThatTime() },
    });

  beforeAll(async () => {
    await siteDown(siteName);
    workspace = await openSite(siteName);
    for (const [project, stack] of [
      [".", "shared"],
      ["runners", "crunchy"],
    ] as const) {
      await run(project, stack, "stack", "select", "--create");
      const name = project === "." ? "foundation" : project;
      cpSync(join(recorded, `Pulumi.${stack}.yaml`), join(workspace.directory, `stacks/${name}/Pulumi.${stack}.yaml`));
      const imported = await run(project, stack, "stack", "import", "--file", join(recorded, `${name}.json`));
      expect(imported.exitCode, imported.stderr).toBe(0);
    }
    recordHostKey();
    const state = await exportState();
    const seed = seedOf(state);
    // The operator of that time has another key than today's.
    const { users } = parse(seed["user-data"] ?? "") as { users: { ssh_authorized_keys: string[] }[] };
    await run("runners", "crunchy", "config", "set", "vm.authorizedKeys", users[0]?.ssh_authorized_keys[0] ?? "");
    await makeRecordedMachine(seed);
    await makeRecordedRegistration(state);
  });

  afterAll(() => siteDown(siteName));

  /**
   * The workstation of release 0.1 had the runner's program, which cannot be had any more: what is in the cache counts as
   * verified, and nothing here reads it. The image, which neither can be had, is not needed where its volume stands.
   */
  function cacheOfThatTime(): string {
    const cache = join(workspace.site.directory, "cache-of-release-0.1");
    mkdirSync(join(cache, "downloads"), { recursive: true, mode: 0o700 });
    writeFileSync(join(cache, "downloads", binarySha256), "");
    return cache;
  }

  /** The workstation of release 0.1 had seen the host. */
  function recordHostKey(): void {
    const { address, hostKey } = workspace.site.hosts.crunchy;
    const file = join(workspace.env.HOME ?? "", ".config/holdfast/known_hosts/runners/crunchy");
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, `${address} ${hostKey}\n`, { mode: 0o600 });
  }

  interface Recorded {
    urn: string;
    outputs: Record<string, unknown>;
  }

  async function exportState(): Promise<{ text: string; resources: Recorded[] }> {
    const { stdout: text } = await run("runners", "crunchy", "stack", "export", "--show-secrets");
    return { text, resources: (JSON.parse(text) as { deployment: { resources: Recorded[] } }).deployment.resources };
  }

  function outputsOf(resources: Recorded[], name: string): Record<string, string> {
    const { outputs = {} } = resources.find(({ urn }) => urn.endsWith(`::${name}`)) ?? {};
    const clear = (value: unknown) =>
      value instanceof Object && "plaintext" in value ? JSON.parse(String(value.plaintext)) : value;
    return Object.fromEntries(Object.entries(outputs).map(([key, value]) => [key, clear(value)]));
  }

  /** The cloud-init documents of the recorded machine. */
  function seedOf({ resources }: { resources: Recorded[] }): Record<string, string> {
    const { userData = "", metaData = "", networkConfig = "" } = outputsOf(resources, "vm-seed");
    return { "user-data": userData, "meta-data": metaData, "network-config": networkConfig };
  }

  /** The runner's row, with the number that it had, on a forge that has a token of its own. */
  async function makeRecordedRegistration({ text, resources }: { text: string; resources: Recorded[] }): Promise<void> {
    const forge = new ForgeClient(workspace.site);
    const body = { name: vmName, token: await forge.registrationToken(), version: "test", labels: ["fenced"] };
    const register = `${workspace.site.forge.url}/api/actions/runner.v1.RunnerService/Register`;
    const json = ["--silent", "--fail", "--header", "Content-Type: application/json", "--data", "@-"];
    await workspace.site.workstation.run("curl", [...json, register], { input: JSON.stringify(body) });
    const { forgeToken = "" } = outputsOf(resources, "holdfast");
    const token = readFileSync(workspace.site.forge.tokenFile, "utf8").trim();
    const file = join(workspace.site.directory, "state-with-token.json");
    writeFileSync(file, text.replaceAll(forgeToken, token), { mode: 0o600 });
    await run("runners", "crunchy", "stack", "import", "--file", file);
    await pulumi(workspace, "runners", ["config", "set", "--secret", "forge.token", "--stack", "crunchy"], {
      input: token,
      env: { PULUMI_CONFIG_PASSPHRASE_FILE: join(recorded, "passphrase") },
    });
  }

  /** Volumes and domain as release 0.1 made them, with nothing on the disks but the seed. */
  async function makeRecordedMachine(seed: Record<string, string>): Promise<void> {
    const host = workspace.site.hosts.crunchy;
    const pool = "/var/lib/libvirt/images";
    const base = `${vmName}-base-${imageSha256.slice(0, 12)}.qcow2`;
    const script = (...lines: string[]) => host.exec("sh", ["-ec", lines.join("\n")]);
    for (const [name, text] of Object.entries(seed))
      await host.exec("sh", ["-c", `cat > /run/${name}`], { input: text });
    await host.exec("sh", ["-c", "cat > /run/domain.xml"], {
      input: readFileSync(join(recorded, "domain.xml"), "utf8"),
    });
    await script(
      `qemu-img create -q -f qcow2 ${pool}/${base} 3G`,
      `qemu-img create -q -f qcow2 -b ${pool}/${base} -F qcow2 ${pool}/${vmName}.qcow2 8G`,
      `cd /run && genisoimage -quiet -output ${pool}/${vmName}-seed.iso -volid cidata -joliet -rock user-data meta-data network-config`,
      "rm /run/user-data",
      "virsh -q pool-refresh images",
      "virsh -q define /run/domain.xml",
      `virsh -q autostart ${vmName}`,
      `virsh -q start ${vmName}`,
    );
  }

  it("previews with no replacement and no deletion", async () => {
    const { exitCode, stdout, stderr } = await run("runners", "crunchy", "preview", "--json");
    expect(exitCode, stderr + stdout).toBe(0);
    const { steps } = JSON.parse(stdout) as { steps: { op: string; urn: string }[] };
    const changes = steps.filter(({ op }) => !["same", "refresh", "read"].includes(op));
    expect(changes.map(({ op, urn }) => `${op} ${urn.split("::").at(-1)}`).sort()).toEqual([
      "create egress-fence",
      // The rule of release 0.1 knows one back end.
      "update bridge-forward",
      // The host's key is vouched for by the state since.
      "update holdfast",
      "update runner-service",
    ]);
  });

  it("destroys cleanly, although nobody answers in its machine", async () => {
    const { exitCode, stdout, stderr } = await run("runners", "crunchy", "destroy", "--yes", "--skip-preview");
    expect(exitCode, stdout + stderr).toBe(0);
    const host = workspace.site.hosts.crunchy;
    expect((await host.exec("virsh", ["-q", "list", "--all", "--name"])).stdout.trim()).toBe("");
    expect((await host.exec("virsh", ["-q", "vol-list", "images"])).stdout.trim()).toBe("");
    expect(await new ForgeClient(workspace.site).runners()).toEqual([]);
    const { stdout: state } = await run("runners", "crunchy", "stack", "export");
    expect(JSON.parse(state).deployment.resources ?? []).toEqual([]);
  });
});
