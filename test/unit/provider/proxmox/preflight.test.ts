/**
 * The look at a cluster before templates are made: everything that is missing at once, and no VM in the way is ever adopted.
 */
import { describe, expect, test } from "vitest";
import type { ClusterVm } from "../../../../provider/proxmox/cluster.ts";
import { collisions } from "../../../../provider/proxmox/template-collision.ts";
import type { ProxmoxPreflightArgs, WantedTemplate } from "../../../../resources/proxmox/preflight.ts";
import { raw } from "../../../fixtures/provider-client.fixture.ts";
import { pluginOnProxmox } from "../../../fixtures/proxmox-plugin.fixture.ts";

const owner = "home.template-image.dev";
const tags = [`holdfast.${owner}`, "sha256-abababababab", "ubuntu-24.04"];
const wanted: WantedTemplate = {
  ...{ key: "ubuntu-24.04", name: "ubuntu-24.04-template", node: "pve1", diskStorage: "local-lvm", bridge: "vmbr0" },
  tags,
};
const args = (changes: Partial<WantedTemplate> = {}): ProxmoxPreflightArgs => ({
  ...{ stack: "template-image/dev", owner, imageStorage: "local", allowDestroyWithClones: false },
  templates: [{ ...wanted, ...changes }],
});

describe("a VM of the cluster", () => {
  const vm = (changes: Partial<ClusterVm> = {}): ClusterVm => ({
    ...{ vmid: 104, node: "pve2", type: "qemu", name: "mail", tags: "", template: 0 },
    ...changes,
  });
  const ours = { name: wanted.name, tags: tags.join(";"), template: 1 };
  const output = (changes: Partial<WantedTemplate>, ...vms: ClusterVm[]) =>
    collisions({ ...wanted, ...changes }, owner, vms).map(({ found, fix }) => `${found}; ${fix}`);

  test("with another name and id is in nobody's way", () => {
    expect(output({ vmId: 9000 }, vm())).toEqual([]);
  });

  test("of the name is in the way, on whatever node", () => {
    expect(output({}, vm({ name: wanted.name }))).toEqual([
      "VM 104 (ubuntu-24.04-template) on node pve2 has the name of ubuntu-24.04, and is not ours; set templates.ubuntu-24.04.name to another one; it is neither used nor changed",
    ]);
  });

  test("of the id is in the way", () => {
    expect(output({ vmId: 104 }, vm())).toEqual([
      "VM 104 (mail) on node pve2 has the id of ubuntu-24.04, and is not ours; set templates.ubuntu-24.04.vmid to another one; it is neither used nor changed",
    ]);
  });

  test("of another stack is in the way, and whose it is is said", () => {
    const [line] = output({}, vm({ ...ours, tags: "holdfast.home.template-image.prod;ubuntu-24.04" }));
    expect(line).toContain("and belongs to home.template-image.prod");
  });

  test("that is ours with this digest is still not adopted when the state does not have it", () => {
    const [line] = output({}, vm(ours));
    expect(line).toContain("our mark, but is not in this stack's state; an update that made it was cut off");
    expect(line).toContain("qm destroy 104 on node pve2");
  });

  test.each([
    ["is no template", { template: 0 }, "it never became a template"],
    [
      "is made of another image",
      { tags: `holdfast.${owner};sha256-cdcdcdcdcdcd;ubuntu-24.04` },
      "it is made of another image",
    ],
  ])("that is ours and %s is in the way", (_what, changes, words) => {
    expect(output({}, vm({ ...ours, ...changes }))[0]).toContain(words);
  });

  test("that the state has is ours, with any image", () => {
    expect(output({ recordedVmId: 104 }, vm({ ...ours, tags: `holdfast.${owner};sha256-cdcdcdcdcdcd` }))).toEqual([]);
  });

  test("that the state has and nobody sees is said to be gone", () => {
    expect(output({ recordedVmId: 9000 }, vm())).toEqual([
      "template 9000 of ubuntu-24.04, which this stack's state has, is not there any more, or not for the token to see; where it was deleted, this makes it anew: pulumi refresh, then pulumi up",
    ]);
  });

  test("that took the recorded id is not", () => {
    expect(output({ recordedVmId: 104 }, vm())[0]).toContain(
      "VM 104 (mail) on node pve2 has the id of ubuntu-24.04 in this stack's state, and does not carry its owner mark",
    );
  });
});

describe("the preflight", () => {
  async function refusal(wanted: ProxmoxPreflightArgs, plugin: Awaited<ReturnType<typeof pluginOnProxmox>>) {
    const error = await plugin.engine.invoke("holdfast:proxmox:preflight", wanted).catch((error: Error) => error);
    return error instanceof Error ? error.message : "";
  }

  test("gives the version where all is well, and changes nothing", async () => {
    const { engine, proxmox } = await pluginOnProxmox();
    const answer = await engine.invoke("holdfast:proxmox:preflight", args());
    expect(raw(answer.getReturn())).toEqual({ version: expect.stringMatching(/^9\./) });
    expect(proxmox.requests.every(({ method }) => method === "GET")).toBe(true);
  });

  test("reports everything at once", async () => {
    const storages = [
      { id: "local", type: "dir", content: ["iso"] },
      { id: "local-lvm", type: "lvmthin", content: ["images"] },
    ];
    const plugin = await pluginOnProxmox({ storages });
    const vmid = plugin.proxmox.addTemplate({ name: wanted.name });
    const message = await refusal(args({ diskStorage: "fast", bridge: "vmbr7", pool: "gold" }), plugin);
    const [head, ...lines] = message.split("\n");
    expect(head).toContain(
      `stack template-image/dev is not ready for Proxmox VE at ${plugin.proxmox.url}, nothing was changed:`,
    );
    expect(lines.join("\n")).toContain(
      "storage local of node pve1 takes iso, not import; allow it: pvesm set local --content iso,import",
    );
    expect(lines.join("\n")).toContain("no storage fast, but local, local-lvm; set datastore_id");
    expect(lines.join("\n")).toContain("node pve1 has no bridge vmbr7");
    expect(lines.join("\n")).toContain("no pool gold");
    expect(lines.join("\n")).toContain(
      `template ${vmid} (ubuntu-24.04-template) on node pve1 has the name of ubuntu-24.04`,
    );
    expect(lines).toHaveLength(5);
  });

  test("refuses another image while VMs are linked to the template of this one, unless that is allowed", async () => {
    const plugin = await pluginOnProxmox();
    const old = `holdfast.${owner};sha256-cdcdcdcdcdcd;ubuntu-24.04`;
    const vmid = plugin.proxmox.addTemplate({ name: wanted.name, config: { tags: old } });
    const asked = args({ recordedVmId: vmid });
    expect(await refusal(asked, plugin)).toBe("");
    await plugin.task("POST", `/nodes/pve1/qemu/${vmid}/clone`, { newid: "555", name: "dev-pgha-01" });
    const message = await refusal(asked, plugin);
    expect(message).toContain(`template ${vmid} (ubuntu-24.04-template) on node pve1 has 1 linked clone:\n  - VM 555`);
    expect(await refusal({ ...asked, allowDestroyWithClones: true }, plugin)).toBe("");
  });

  test("names a node that is not there, and those that are", async () => {
    const plugin = await pluginOnProxmox({ nodes: ["pve1", "pve2"] });
    expect(await refusal(args({ node: "pve9" }), plugin)).toContain(
      "the cluster has no node pve9, but pve1, pve2; set node_name",
    );
  });

  test("finds an id taken by a VM that the token may not see", async () => {
    const plugin = await pluginOnProxmox({}, { "/": ["*"], "/vms": [] });
    plugin.proxmox.addTemplate({ name: "hidden", vmid: 9000 });
    expect(await refusal(args({ vmId: 9000 }), plugin)).toContain(
      "the id 9000 of ubuntu-24.04 is taken by a VM that the token may not see; set vmid to another one",
    );
  });

  test("says once that the API does not answer, and where", async () => {
    const plugin = await pluginOnProxmox();
    await plugin.proxmox.stop();
    const message = await refusal(args(), plugin);
    expect(message).toContain(`Proxmox VE at ${plugin.proxmox.url} does not answer`);
    expect(message.split("\n")).toHaveLength(2);
  });
});
