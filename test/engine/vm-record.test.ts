/**
 * VMs' records against a real NetBox: made, kept, merged, retired and brought back; and that nothing of other people's is
 * changed by any of it. Lost answers and parallel updates are in vm-record-faults.test.ts.
 *
 * Not proven here: the program that makes the records (the lab ring).
 */
import { describe, expect, it, vi } from "vitest";
import { hardDeleteVariable } from "../../provider/netbox/vm-retire.ts";
import { realNetbox } from "../real-netbox.ts";
import { type Access, owner, ownName, pluginFor, recordOf, restOf } from "./vm-record.fixture.ts";

const netbox = await realNetbox();

describe.skipIf(netbox.missing)("a VM's record", () => {
  const access = netbox as Access;
  const { rest, etag, machine, machinesNamed, reserve, address } = restOf(access);
  const tagsOf = async (id: number) => (await machine(id)).tags.map(({ slug }: { slug: string }) => slug).sort();
  const vms = "/virtualization/virtual-machines/";
  const nic = (net: number, addressId?: number) => ({
    name: `net${net}`,
    mac: `BC:24:11:00:01:0${net}`,
    ...(addressId ? { addressId } : {}),
  });
  const cardsOf = async (id: number) => {
    const { results } = await rest("GET", `/virtualization/interfaces/?virtual_machine_id=${id}`);
    return results.map((row: { name: string; mac_address: string }) => [row.name, row.mac_address]);
  };

  it("has what the VM has: sizes, role, cluster, cards, disks, and its address as the primary one, active", async () => {
    const { create, update, rows } = await pluginFor(access);
    const cluster = ownName("home");
    const addressId = await reserve("10.201.1.5/24");
    const inputs = recordOf(cluster, "app-01", { cards: [nic(0, addressId)] });
    const state = await create(inputs);
    const id = Number(state.recordId);
    expect(await machine(id)).toMatchObject({
      ...{ name: "app-01", status: { value: "active" }, cluster: { name: cluster }, role: { slug: "app" } },
      ...{ start_on_boot: { value: "on" }, vcpus: 2, memory: 2048, disk: 8192, primary_ip4: { id: addressId } },
      custom_fields: { holdfast_owner: owner, holdfast_external_id: inputs.externalId },
    });
    expect(await tagsOf(id)).toEqual(["app", "holdfast"]);
    expect(await cardsOf(id)).toEqual([["net0", "BC:24:11:00:01:00"]]);
    expect(await address(addressId)).toMatchObject({ status: { value: "active" }, assigned_object: { name: "net0" } });
    const before = await etag(`${vms}${id}/`);
    expect((await update(state, inputs)).recordId).toBe(id);
    expect(await etag(`${vms}${id}/`)).toBe(before);
    const row = { key: "app-01", name: "app-01", externalId: inputs.externalId, cluster, recordId: id };
    expect(rows()).toEqual([
      { ...row, operation: "create", result: "created", addresses: ["10.201.1.5/24"] },
      { ...row, operation: "update", result: "unchanged", addresses: ["10.201.1.5/24"] },
    ]);
  });

  it("follows the VM, and keeps what people added by hand", async () => {
    const { create, update } = await pluginFor(access);
    const cluster = ownName("home");
    const [first, second] = [await reserve("10.201.2.5/24"), await reserve("10.201.2.6/24")];
    const inputs = recordOf(cluster, "app-01", { cards: [nic(0, first)], tags: ["app", "old"] });
    const state = await create(inputs);
    const id = Number(state.recordId);
    await rest("POST", "/extras/tags/", { name: cluster, slug: cluster });
    await rest("PATCH", `${vms}${id}/`, { add_tags: [{ slug: cluster }], comments: "do not reboot" });
    await rest("POST", "/virtualization/interfaces/", { virtual_machine: id, name: "wg0" });
    const more = {
      ...{ vcpus: 4, memoryMb: 4096, tags: ["Größe: XL", "app"], cards: [nic(0, first), nic(1, second)] },
      disks: [
        { name: "scsi0", sizeMb: 16384 },
        { name: "scsi1", sizeMb: 1024 },
      ],
    };
    const grown = await update(state, { ...inputs, ...more });
    expect(grown.recordId).toBe(id);
    expect(await machine(id)).toMatchObject({ vcpus: 4, memory: 4096, disk: 17408, comments: "do not reboot" });
    expect(await tagsOf(id)).toEqual(
      [cluster, "app", "grosse-xl", "holdfast"].sort().map((slug) => slug.replace("grosse", "gro-e")),
    );
    expect((await cardsOf(id)).map(([name]: string[]) => name)).toEqual(["net0", "net1", "wg0"]);
    const swapped = [{ ...nic(0, first), mac: "BC:24:11:00:01:99" }];
    await update(grown, { ...inputs, cards: swapped, disks: inputs.disks });
    expect(await cardsOf(id)).toEqual([
      ["net0", "BC:24:11:00:01:99"],
      ["wg0", null],
    ]);
    expect((await rest("GET", "/dcim/mac-addresses/?mac_address=BC:24:11:00:01:00")).results).not.toContainEqual(
      expect.objectContaining({
        assigned_object: expect.objectContaining({ name: "net0", virtual_machine: expect.objectContaining({ id }) }),
      }),
    );
    expect(await address(second)).toMatchObject({ status: { value: "reserved" }, assigned_object: null });
    expect((await machine(id)).disk).toBe(8192);
  });

  it("is retired with its VM, addresses kept, and is the same one when the VM comes back with another id", async () => {
    const { create, destroy, rows } = await pluginFor(access);
    const cluster = ownName("home");
    const addressId = await reserve("10.201.3.5/24");
    const inputs = recordOf(cluster, "app-01", { cards: [nic(0, addressId)] });
    const state = await create(inputs);
    const id = Number(state.recordId);
    await destroy(state);
    const retired = { status: { value: "offline" }, primary_ip4: { id: addressId } };
    expect(await machine(id)).toMatchObject({
      ...retired,
      custom_fields: { holdfast_owner: owner, holdfast_external_id: null },
    });
    expect(await tagsOf(id)).toEqual(["app", "holdfast", "holdfast-stale"]);
    expect(await address(addressId)).toMatchObject({ status: { value: "active" }, assigned_object: { name: "net0" } });
    // The hypervisor gives the id to another VM: that one has a record of its own.
    const other = await create({ ...recordOf(cluster, "app-02"), externalId: inputs.externalId });
    expect(other.recordId).not.toBe(id);
    const back = await create({ ...inputs, externalId: `proxmox:${cluster}:999` });
    expect(back.recordId).toBe(id);
    expect(await machine(id)).toMatchObject({
      status: { value: "active" },
      custom_fields: { holdfast_external_id: `proxmox:${cluster}:999` },
    });
    expect(await tagsOf(id)).toEqual(["app", "holdfast"]);
    expect(rows().map(({ result }: { result: string }) => result)).toEqual([
      "created",
      "retired",
      "created",
      "updated",
    ]);
  });

  it("is the same one after a rename, and when a state was lost", async () => {
    const { create, update } = await pluginFor(access);
    const cluster = ownName("home");
    const inputs = recordOf(cluster, "app-01");
    const state = await create(inputs);
    const renamed = { ...inputs, name: "app-one" };
    expect((await update(state, renamed)).recordId).toBe(state.recordId);
    expect((await create(renamed)).recordId).toBe(state.recordId);
    expect(await machine(Number(state.recordId))).toMatchObject({ name: "app-one" });
  });

  it("leaves its addresses reserved where it is deleted for good", async () => {
    const { create, destroy, rows } = await pluginFor(access);
    const addressId = await reserve("10.201.4.5/24");
    const cluster = ownName("home");
    const state = await create(recordOf(cluster, "app-01", { cards: [nic(0, addressId)] }));
    vi.stubEnv(hardDeleteVariable, "true");
    await destroy(state);
    expect((await machinesNamed("app-01")).filter((row) => row.cluster.name === cluster)).toEqual([]);
    expect(await address(addressId)).toMatchObject({ status: { value: "reserved" }, assigned_object: null });
    await destroy(state);
    expect(rows().map(({ result }: { result: string }) => result)).toEqual(["created", "deleted", "not_found"]);
  });

  it.each(["1", "True", "yes", ""])("is retired where the variable says %j", async (value) => {
    const { create, destroy, rows } = await pluginFor(access);
    const state = await create(recordOf(ownName("home"), "app-01"));
    vi.stubEnv(hardDeleteVariable, value);
    await destroy(state);
    expect((await machine(Number(state.recordId))).status.value).toBe("offline");
    expect(rows().at(-1)).toMatchObject({ result: "retired" });
  });

  it("is retired instead where it has an address of other people, which would be deleted with it", async () => {
    const { create, destroy, rows } = await pluginFor(access);
    const state = await create(recordOf(ownName("home"), "app-01", { cards: [nic(0)] }));
    const id = Number(state.recordId);
    const [net0] = (await rest("GET", `/virtualization/interfaces/?virtual_machine_id=${id}`)).results;
    const foreign = await reserve("10.201.5.9/24", null);
    const assigned = { assigned_object_type: "virtualization.vminterface", assigned_object_id: net0.id };
    await rest("PATCH", `/ipam/ip-addresses/${foreign}/`, assigned);
    const before = await etag(`/ipam/ip-addresses/${foreign}/`);
    vi.stubEnv(hardDeleteVariable, "true");
    await destroy(state);
    expect((await machine(id)).status.value).toBe("offline");
    expect(await etag(`/ipam/ip-addresses/${foreign}/`)).toBe(before);
    expect(rows().at(-1)).toMatchObject({ result: "retired", addresses: ["10.201.5.9/24"] });
  });

  it("of other people in the same cluster is untouched by everything", async () => {
    const { create, update, drift, destroy } = await pluginFor(access);
    const cluster = ownName("home");
    const type = await rest("POST", "/virtualization/cluster-types/", { name: cluster, slug: cluster });
    const { id: clusterId } = await rest("POST", "/virtualization/clusters/", { name: cluster, type: type.id });
    const foreign = await rest("POST", vms, { name: "db-01", cluster: clusterId, tags: [{ slug: "holdfast" }] });
    const paths = [
      `${vms}${foreign.id}/`,
      `/virtualization/clusters/${clusterId}/`,
      `/virtualization/cluster-types/${type.id}/`,
    ];
    const before = await Promise.all(paths.map(etag));
    const inputs = recordOf(cluster, "app-01");
    const state = await create(inputs);
    const grown = await update(state, { ...inputs, vcpus: 4 });
    expect(await drift(grown, { ...inputs, vcpus: 4 })).toEqual([]);
    await destroy(grown);
    vi.stubEnv(hardDeleteVariable, "true");
    await destroy(await create(inputs));
    expect(await Promise.all(paths.map(etag))).toEqual(before);
  });

  it.each([
    ["no owner mark", null, "no owner mark"],
    ["another stack's owner mark", "home.platform-vm.prod-apps", "owner home.platform-vm.prod-apps"],
  ])("is refused where its name is taken by one with %s; the run's evidence has it", async (_what, mark, output) => {
    const { create, rows } = await pluginFor(access);
    const cluster = ownName("home");
    const first = await create(recordOf(cluster, "app-01"));
    const id = Number(first.recordId);
    await rest("PATCH", `${vms}${id}/`, { custom_fields: { holdfast_owner: mark, holdfast_external_id: null } });
    const before = await etag(`${vms}${id}/`);
    const refused = create(recordOf(cluster, "APP-01"));
    await expect(refused).rejects.toThrow(`id ${id} \`app-01\` (cluster ${cluster}, ${output})`);
    await expect(refused).rejects.toThrow(`set its custom field holdfast_owner to ${owner}`);
    expect(await etag(`${vms}${id}/`)).toBe(before);
    expect(rows()).toHaveLength(2);
    expect(rows()[1]).toMatchObject({
      name: "APP-01",
      result: "error",
      recordId: null,
      error: expect.stringContaining("is not ours"),
    });
  });

  it("never takes an address that is not ours, or one that another VM has", async () => {
    const { create } = await pluginFor(access);
    const cluster = ownName("home");
    const [foreign, ours] = [
      await reserve("10.201.6.5/24", "home.platform-vm.prod-apps"),
      await reserve("10.201.6.6/24"),
    ];
    const before = await etag(`/ipam/ip-addresses/${foreign}/`);
    await expect(create(recordOf(cluster, "app-01", { cards: [nic(0, foreign)] }))).rejects.toThrow(
      /address 10\.201\.6\.5\/24 .* belongs to home\.platform-vm\.prod-apps/,
    );
    expect(await etag(`/ipam/ip-addresses/${foreign}/`)).toBe(before);
    const { recordId } = await create(recordOf(cluster, "app-02", { cards: [nic(0, ours)] }));
    await rest("PATCH", `${vms}${recordId}/`, { custom_fields: { holdfast_owner: "somebody" } });
    await expect(create(recordOf(cluster, "app-03", { cards: [nic(0, ours)] }))).rejects.toThrow(
      /stands on the VM `app-02` \(id \d+, owner somebody\), which is not ours/,
    );
  });
});
