/**
 * User data as a file on a storage of Proxmox VE: where it can be put, and how it gets there, is looked at, and goes. The
 * Proxmox host is an SSH stand-in that answers from a table, its API is simulated.
 */
import { describe, expect, it, test } from "vitest";
import type { StorageOptions } from "../../../../lab/proxmox/simulator.ts";
import { snippet } from "../../../../provider/proxmox/snippet.ts";
import { nodeAt } from "../../../../provider/proxmox/snippet-storage.ts";
import type { Catalogue } from "../../../../provider/server.ts";
import { engineFor, raw, secret } from "../../../fixtures/provider-client.fixture.ts";
import { pluginOnProxmox } from "../../../fixtures/proxmox-plugin.fixture.ts";
import { type Answer, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const type = "holdfast:proxmox:Snippet";
const catalogue = { version: "0", kinds: [snippet], functions: [] } as unknown as Catalogue;
const path = "/var/lib/vz/snippets/holdfast-app-01-0123456789ab.yaml";
const content = "#cloud-config\nssh_keys: the-private-half\n";

/** The plugin, and a Proxmox host that answers so. */
async function plugin(answer: (command: string) => Answer = () => ({})) {
  operatorHome();
  const server = await sshHost({ answer });
  const host = { host: server.host, port: server.port, user: "root", stack: "platform-vm/dev-apps" };
  const [directory, name] = ["/var/lib/vz/snippets", "holdfast-app-01-0123456789ab.yaml"];
  const inputs = { host, storage: "local", directory, name, content: secret(content) };
  return { server, engine: await engineFor(catalogue), inputs };
}

describe("a snippet", () => {
  it("is written by standard input for root alone, looked at, and named as a VM names it; its content stays secret", async () => {
    const { server, engine, inputs } = await plugin();
    const created = await engine.create(type, inputs);
    const written = server.received.find(({ stdin }) => stdin !== "");
    expect(written).toMatchObject({ user: "root", stdin: content });
    expect(written?.command).toMatch(/^set -e\nmkdir -p -m 0755 '\/var\/lib\/vz\/snippets'\numask 077\n/);
    expect(written?.command).toContain(`chmod 0600 '${path}.holdfast-new'`);
    expect(written?.command).toContain(`mv -f '${path}.holdfast-new' '${path}'`);
    expect(server.received.map(({ command }) => command).join()).not.toContain("the-private-half");
    const state = raw(created.getProperties());
    expect(state).toMatchObject({
      volumeId: "local:snippets/holdfast-app-01-0123456789ab.yaml",
      content: secret(content),
    });
  });

  it("is not written beside a storage that is not mounted", async () => {
    const { server, engine, inputs } = await plugin((command) =>
      command.startsWith("[ -d /var/lib/vz ]")
        ? { code: 1, stderr: "the directory of storage local is not there" }
        : {},
    );
    await expect(engine.create(type, inputs)).rejects.toThrow("the directory of storage local is not there");
    expect(server.received.filter(({ stdin }) => stdin !== "")).toEqual([]);
  });

  it("that is gone, changed or open to others is drift, in words without its content", async () => {
    let broken = false;
    const { engine, inputs } = await plugin((command) =>
      broken && command.includes("sha256sum") ? { stdout: "0\n1\n" } : {},
    );
    const created = await engine.create(type, inputs);
    const state = raw(created.getProperties());
    expect(raw((await engine.read(type, created.getId(), state, inputs)).getProperties()).drift).toEqual([]);
    broken = true;
    expect(raw((await engine.read(type, created.getId(), state, inputs)).getProperties()).drift).toEqual([
      `${path} was changed or removed`,
      `${path} can be read by others than root`,
    ]);
  });

  it("with other content is written over; in another place it is gone from the first one before", async () => {
    const { server, engine, inputs } = await plugin();
    const state = raw((await engine.create(type, inputs)).getProperties());
    await engine.update(type, state, { ...inputs, content: secret(`${content}more: true\n`) });
    expect(server.received.filter(({ command }) => command.startsWith("rm "))).toEqual([]);
    const before = server.received.length;
    await engine.update(type, state, { ...inputs, directory: "/mnt/pve/nfs/snippets" });
    const commands = server.received.slice(before).map(({ command }) => command);
    expect(commands[0]).toBe(`rm -f ${path}`);
    expect(commands.join("\n")).toContain("mv -f '/mnt/pve/nfs/snippets/");
  });

  it("is removed, whether it is still there or not", async () => {
    const { server, engine, inputs } = await plugin();
    const created = await engine.create(type, inputs);
    await engine.delete(type, created.getId(), raw(created.getProperties()));
    expect(server.received.at(-1)?.command).toBe(`rm -f ${path}`);
  });

  it.each([
    ["directory", "/var/lib/vz/snip pets"],
    ["name", "../holdfast-a.yaml"],
    ["storage", "local:snippets"],
    ["content", "ssh_keys: {}"],
  ])("is refused before anything is written where its %s is %s", async (name, value) => {
    const { engine, inputs } = await plugin();
    const checked = await engine.check(type, { ...inputs, [name]: value });
    expect(checked.getFailuresList().map((failure) => failure.getProperty())).toEqual([name]);
  });
});

const disks: StorageOptions = { id: "local-lvm", type: "lvmthin", content: ["images"] };
const local: StorageOptions = { id: "local", type: "dir", path: "/var/lib/vz", content: ["iso", "snippets"] };
const nfs: StorageOptions = { id: "nfs", type: "nfs", path: "/mnt/pve/nfs", content: ["iso"], shared: true };

/** What the preflight of a pool answers for one storage. */
async function asked(
  storage: string,
  options: { storages?: StorageOptions[]; nodes?: string[]; vmsOn?: string[] } = {},
) {
  const { storages = [local, nfs, disks], nodes = ["pve1"], vmsOn = ["pve1"] } = options;
  const { engine } = await pluginOnProxmox({ storages, nodes });
  const pool = { stack: "platform-vm/dev-apps", owner: "home.platform-vm.dev-apps", vms: [], templates: [] };
  const snippets = { storage, host: "pve1.example.org", nodes: vmsOn };
  return engine.invoke("holdfast:proxmox:poolPreflight", { ...pool, snippets }).then(
    (answer) => raw(answer.getReturn()),
    (error: Error) => error.message,
  );
}

describe("the storage of snippets", () => {
  it("is one with a directory and that content, whose nodes read it", async () => {
    expect(await asked("local")).toEqual({ snippetsDirectory: "/var/lib/vz/snippets" });
    const shared = { ...nfs, content: ["snippets"] };
    const nodes = ["pve1", "pve2"];
    expect(await asked("nfs", { storages: [shared], nodes, vmsOn: nodes })).toEqual({
      snippetsDirectory: "/mnt/pve/nfs/snippets",
    });
  });

  it.each([
    ["nowhere", {}, "shows the token no storage nowhere; those with snippets are local; set snippets_storage"],
    ["nfs", {}, "storage nfs takes iso, not snippets; allow it: pvesm set nfs --content iso,snippets"],
    ["local-lvm", {}, "storage local-lvm is no directory, and snippets are files"],
    [
      "local",
      { nodes: ["pve1", "pve2"], vmsOn: ["pve1", "pve2"] },
      "storage local is not shared: what is written at pve1.example.org, on node pve1, is not there on pve2",
    ],
  ])("%s %j is refused in words", async (storage, options, words) => {
    const output = await asked(storage, options);
    expect(output).toContain("stack platform-vm/dev-apps is not ready for Proxmox VE");
    expect(output).toContain(words);
  });

  test("the node behind an address is the only one, or the one with that address or name, or nobody's guess", () => {
    const node = (name: string, ip: string) => ({ type: "node", name, ip });
    const both = [{ type: "cluster", name: "c" }, node("pve1", "192.0.2.1"), node("pve2", "192.0.2.2")];
    expect(nodeAt("203.0.113.9", [node("pve1", "192.0.2.1")])).toBe("pve1");
    expect(nodeAt("192.0.2.2", both)).toBe("pve2");
    expect(nodeAt("pve2.example.org", both)).toBe("pve2");
    expect(nodeAt("203.0.113.9", both)).toBeUndefined();
    expect(nodeAt("203.0.113.9", [])).toBeUndefined();
  });
});
