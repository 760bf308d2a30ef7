/**
 * VMs' records when NetBox, the way to it or somebody else misbehaves: no record twice, a clear message, and the next update
 * finds what the last one left. Drift is seen and mended; a record that is no longer ours never is.
 */
import { describe, expect, it, vi } from "vitest";
import { hardDeleteVariable } from "../../provider/netbox/vm-retire.ts";
import { nowhere } from "../fixtures/loopback.fixture.ts";
import { realNetbox } from "../real-netbox.ts";
import {
  type Access,
  type Fault,
  once,
  owner,
  ownName,
  pluginFor,
  proxyTo,
  recordOf,
  restOf,
} from "./vm-record.fixture.ts";

const netbox = await realNetbox();
const vms = "/virtualization/virtual-machines/";

describe.skipIf(netbox.missing)("a VM's record", () => {
  const access = netbox as Access;
  const { rest, etag, machine, machinesNamed, reserve, address } = restOf(access);
  const interfaces = "/virtualization/interfaces/";
  const allOf = async (id: number, path: string) => (await rest("GET", `${path}?virtual_machine_id=${id}`)).results;

  it("comes ten at once into a cluster that was not there: one cluster, one role, ten records", async () => {
    const { create, rows } = await pluginFor(access);
    const cluster = ownName("new");
    const names = Array.from({ length: 10 }, (_, index) => `app-${index}`);
    const states = await Promise.all(
      names.map((name) => create(recordOf(cluster, name, { role: cluster, tags: [cluster] }))),
    );
    expect(new Set(states.map(({ recordId }) => recordId)).size).toBe(10);
    expect((await rest("GET", `/virtualization/clusters/?name=${cluster}`)).results).toMatchObject([
      { tags: [{ slug: "holdfast" }], virtualmachine_count: 10 },
    ]);
    expect(rows().map(({ result }: { result: string }) => result)).toEqual(Array(10).fill("created"));
  });

  it("comes from several stacks at once into a cluster that was not there, and finds one cluster in the end", async () => {
    const cluster = ownName("new");
    const clusters = async () => (await rest("GET", `/virtualization/clusters/?name=${cluster}`)).results;
    let asking = 0;
    // Each has seen that there is none, and asks for one; the first is answered before the others are.
    const together = async (method: string, path: string): Promise<Fault> => {
      if (method !== "POST" || path !== "/api/virtualization/clusters/") return undefined;
      const turn = asking++;
      await vi.waitFor(() => expect(asking).toBe(3), { timeout: 60_000 });
      if (turn > 0) await vi.waitFor(async () => expect(await clusters()).not.toEqual([]), { timeout: 60_000 });
      return undefined;
    };
    // Another address of the same NetBox: to the plugin it is another one, of which it knows nothing.
    const plugins = await Promise.all([1, 2, 3].map(async () => pluginFor(await proxyTo(access, together))));
    await Promise.all(plugins.map(({ create }, index) => create(recordOf(cluster, `app-${index}`))));
    expect(asking).toBe(3);
    expect(await clusters()).toMatchObject([{ virtualmachine_count: 3 }]);
  });

  it("is one, whoever asks at the same moment", async () => {
    const { create } = await pluginFor(access);
    const inputs = recordOf(ownName("new"), ownName("app"));
    const states = await Promise.all(Array.from({ length: 5 }, () => create(inputs)));
    expect(new Set(states.map(({ recordId }) => recordId)).size).toBe(1);
    const rows = await machinesNamed(inputs.name);
    expect(rows).toHaveLength(1);
    expect(await allOf(rows[0].id, interfaces)).toHaveLength(1);
  });

  it.each<[string, Fault, string, string]>([
    ["the answer to its POST is lost", "lost", "POST", vms],
    ["the answer to its POST is cut off", "cut", "POST", vms],
    ["the answer to its POST is a proxy's 502", { status: 502, body: "<html>Bad Gateway</html>" }, "POST", vms],
    ["its POST never arrives", "dropped", "POST", vms],
    ["the answer to its card's POST is lost", "lost", "POST", interfaces],
    ["a PATCH is answered 500", { status: 500, body: '{"error":"boom"}' }, "PATCH", interfaces],
    ["the answer to a PATCH is lost", "lost", "PATCH", interfaces],
    ["a look-up is answered 503", { status: 503, body: "" }, "GET", vms],
  ])("is there once, and right, where %s", async (_what, fault, method, path) => {
    const inputs = recordOf(ownName("faulty"), ownName("app"));
    const { create, drift } = await pluginFor(await proxyTo(access, once(fault, method, path)));
    const state = await create(inputs);
    expect(await machinesNamed(inputs.name)).toHaveLength(1);
    expect(await allOf(Number(state.recordId), interfaces)).toHaveLength(1);
    expect(await drift(state, inputs)).toEqual([]);
  });

  it.each<[string, Fault, string, string, RegExp]>([
    [
      "the answer to a MAC address's POST is lost",
      "dropped",
      "POST",
      "/dcim/mac-addresses/",
      /gave no answer to POST \/api\/dcim\/mac-addresses\//,
    ],
    [
      "a look-up is an HTML 404",
      { status: 404, body: "<html>no</html>" },
      "GET",
      vms,
      /404 .*HTML.*is netbox.url the address of NetBox itself/,
    ],
    [
      "its POST is refused",
      { status: 403, body: '{"detail":"Invalid v2 token"}' },
      "POST",
      vms,
      /403 Invalid v2 token; NETBOX_API_TOKEN is rejected/,
    ],
  ])(
    "fails with a clear message where %s, and the next update makes it right",
    async (_what, fault, method, path, output) => {
      const inputs = recordOf(ownName("faulty"), ownName("app"));
      const { create, drift, rows } = await pluginFor(await proxyTo(access, once(fault, method, path)));
      const failed = create(inputs);
      await expect(failed).rejects.toThrow(output);
      const state = await create(inputs);
      expect(await machinesNamed(inputs.name)).toHaveLength(1);
      expect(await drift(state, inputs)).toEqual([]);
      expect(rows()).toMatchObject([
        { result: "error", error: expect.stringMatching(output) },
        { recordId: state.recordId },
      ]);
      expect(JSON.stringify(rows())).not.toContain(access.token.slice(-40));
    },
  );

  it("is adopted by the next update where the process died after the POST, whatever it lacks", async () => {
    const { create, drift, rows } = await pluginFor(access);
    const inputs = recordOf(ownName("half"), ownName("app"));
    const state = await create(inputs);
    const [nic] = await allOf(Number(state.recordId), interfaces);
    await rest("DELETE", `${interfaces}${nic.id}/`);
    expect((await create(inputs)).recordId).toBe(state.recordId);
    expect(await drift(state, inputs)).toEqual([]);
    expect(rows().map(({ result }: { result: string }) => result)).toEqual(["created", "updated"]);
  });

  it("says what somebody changed by hand, and an update mends it", async () => {
    const { create, update, drift } = await pluginFor(access);
    const addressId = await reserve("10.202.1.5/24");
    const inputs = recordOf(ownName("drift"), ownName("app"), {
      cards: [{ name: "net0", mac: "bc:24:11:00:00:01", addressId }],
    });
    const state = await create(inputs);
    const id = Number(state.recordId);
    expect(await drift(state, inputs)).toEqual([]);
    const [nic] = await allOf(id, interfaces);
    const [disk] = await allOf(id, "/virtualization/virtual-disks/");
    await rest("PATCH", `/virtualization/virtual-disks/${disk.id}/`, { size: 1 });
    await rest("PATCH", `${interfaces}${nic.id}/`, { primary_mac_address: null });
    await rest("PATCH", `${vms}${id}/`, {
      ...{ start_on_boot: "off", vcpus: 8, memory: 1, status: "failed", primary_ip4: null },
      add_tags: [{ slug: "holdfast-stale" }],
    });
    await rest("PATCH", `/ipam/ip-addresses/${addressId}/`, { assigned_object_type: null, assigned_object_id: null });
    const found = (await drift(state, inputs)).map((text) => text.replace(`record ${id} in NetBox: `, ""));
    expect(found).toEqual([
      "status is failed, not active",
      "it has the tag holdfast-stale",
      "start on boot is off, not on",
      "vcpus is 8, not 2",
      "memory in MB is 1, not 2048",
      "MAC address of net0 is none, not BC:24:11:00:00:01",
      `card net0 does not have address ${addressId}`,
      `its primary address is none, not that with id ${addressId}`,
      "MB of disk scsi0 is 1, not 8192",
    ]);
    await update(state, inputs);
    expect(await drift(state, inputs)).toEqual([]);
    expect(await allOf(id, "/ipam/ip-addresses/")).toHaveLength(1);
    await rest("DELETE", `${vms}${id}/`);
    expect(await drift(state, inputs)).toEqual([`record ${id} of ${inputs.name} is gone from NetBox`]);
    await expect(address(addressId)).rejects.toThrow("404");
  });

  it("that lost our mark is never mended, retired or deleted", async () => {
    const { create, update, drift, destroy, rows } = await pluginFor(access);
    const inputs = recordOf(ownName("lost"), ownName("app"));
    const state = await create(inputs);
    const id = Number(state.recordId);
    await rest("PATCH", `${vms}${id}/`, { custom_fields: { holdfast_owner: null }, vcpus: 16 });
    const before = await etag(`${vms}${id}/`);
    expect(await drift(state, inputs)).toEqual([
      `record ${id} in NetBox has no owner mark any more: it is not changed`,
    ]);
    await expect(update(state, inputs)).rejects.toThrow(`set its custom field holdfast_owner to ${owner}`);
    vi.stubEnv(hardDeleteVariable, "true");
    await destroy(state);
    expect(await etag(`${vms}${id}/`)).toBe(before);
    expect((await machine(id)).vcpus).toBe(16);
    expect(rows().map(({ result }: { result: string }) => result)).toEqual(["created", "error", "unchanged"]);
  });

  it("is not called gone where NetBox does not answer", async () => {
    const { create } = await pluginFor(access);
    const inputs = recordOf(ownName("away"), ownName("app"));
    const state = await create(inputs);
    const away = await pluginFor({ ...access, url: await nowhere() });
    await expect(away.drift(state, inputs)).rejects.toThrow("gave no answer to GET");
  });
});
