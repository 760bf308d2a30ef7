/**
 * What becomes of a reservation, in a real NetBox: changed or deleted by hand, destroyed, released, and taken up again. Proves
 * that a VM keeps its address through all of it, and that nobody inherits one too soon.
 */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ownerField, releaseAfterField } from "../../lib/netbox/names.ts";
import { realNetbox } from "../real-netbox.ts";
import {
  change,
  direct,
  type Given,
  inputsFor,
  make,
  nth,
  owner,
  plugin,
  pools,
  recordsIn,
  remove,
} from "./netbox-plugin.fixture.ts";
import { faultyNetbox } from "./netbox-proxy.fixture.ts";

const netbox = await realNetbox();
const access = netbox.missing === undefined ? netbox : { url: "", token: "" };
const api = direct(access);
const nextPool = pools(62);
const anything = z.unknown();
const past = "2020-01-01T00:00:00Z";
const future = new Date(Date.now() + 3_600_000).toISOString();

/** A VM's address, had by one command; what follows is another one. */
async function held(more: object = {}) {
  const pool = nextPool();
  const inputs = inputsFor(pool, "app-1", more);
  const { state, error } = await (await plugin(access)).create(inputs);
  expect(error).toBe("");
  return { pool, inputs, state, address: String(state.address), next: await plugin(access) };
}

/** Puts an address on a VM of its own in NetBox. */
async function onVm(addressId: unknown, name: string, vmOwner?: string): Promise<number> {
  const type = await make(api, "/virtualization/cluster-types/", { name, slug: name });
  const cluster = await make(api, "/virtualization/clusters/", { name, type });
  const custom_fields = vmOwner ? { [ownerField]: vmOwner } : {};
  const vm = await make(api, "/virtualization/virtual-machines/", { name, cluster, status: "active", custom_fields });
  const nic = await make(api, "/virtualization/interfaces/", { virtual_machine: vm, name: "net0" });
  const assigned = { assigned_object_type: "virtualization.vminterface", assigned_object_id: nic };
  await change(api, addressId, { status: "active", ...assigned });
  await api.send("PATCH", `/virtualization/virtual-machines/${vm}/`, anything, { primary_ip4: addressId });
  return vm;
}

const quarantined = async (given: Given, after: string) =>
  change(api, given.state.addressId, { status: "deprecated", custom_fields: { [releaseAfterField]: after } });

describe.skipIf(netbox.missing)("a record", () => {
  it("as it was left is no drift, and neither is one that its VM has", async () => {
    const { state, inputs, next } = await held();
    expect((await next.refresh(state, inputs)).state).toEqual(state);
    await change(api, state.addressId, { status: "active", description: "by hand" });
    expect((await next.refresh(state, inputs)).state.drift).toEqual([]);
  });

  it("deleted by hand is drift, and the same address is reserved again", async () => {
    const pool = nextPool();
    const inputs = inputsFor(pool, "app-1");
    const next = await plugin(access);
    const lower = await next.create(inputsFor(pool, "app-0"));
    const { state } = await next.create(inputs);
    const address = String(state.address);
    for (const { addressId } of [lower.state, state]) await remove(api, addressId);
    const { state: seen } = await next.refresh(state, inputs);
    expect(seen.drift).toEqual([expect.stringMatching(`^${address} is no longer reserved for onprem/dev/app-1/`)]);
    // A lower one would be free for a new VM: this one stands at its own.
    expect((await next.previewUpdate(seen, inputs)).state.address).toBe(address);
    expect(await next.update(seen, inputs)).toMatchObject({
      error: "",
      state: { address, outcome: "restored", drift: [] },
    });
    expect(await recordsIn(api, pool)).toEqual([expect.objectContaining({ address, status: { value: "reserved" } })]);
  });

  it("whose address is somebody else's by then gets no other one, and the holder is named", async () => {
    const { pool, state, inputs, address, next } = await held();
    await remove(api, state.addressId);
    await next.create(inputsFor(pool, "app-2"));
    for (const { error } of [await next.previewUpdate(state, inputs), await next.update(state, inputs)]) {
      expect(error).toMatch(new RegExp(`^${address}, which .*app-1.* had, was taken in NetBox .*app-2`));
      expect(error).toContain("give it back there");
    }
    expect(await recordsIn(api, pool)).toHaveLength(1);
  });

  it.each([
    ["status", { status: "deprecated" }, /is deprecated in NetBox, not reserved/],
    ["owner", { custom_fields: { [ownerField]: "" } }, /is nobody's in NetBox/],
    ["name", { dns_name: "other.example.org" }, /is not app-1\.example\.org in NetBox/],
    ["identity", { custom_fields: { holdfast_identity: null } }, /is no longer reserved/],
  ])("whose %s was changed by hand is drift, and is mended where nobody else has it", async (what, by, words) => {
    const { pool, state, inputs, address, next } = await held({ dnsName: "app-1.example.org" });
    await change(api, state.addressId, by);
    const { state: seen } = await next.refresh(state, inputs);
    expect(seen.drift).toEqual([expect.stringMatching(words)]);
    const updated = await next.update(seen, inputs);
    // Without our identity it is a record of somebody's, and those are not changed.
    if (what === "identity") expect(updated.error).toContain(`${address}, which`);
    else expect((await next.refresh(updated.state, inputs)).state.drift).toEqual([]);
    expect(await recordsIn(api, pool)).toHaveLength(1);
  });

  it("that was given another address gets its own back: its VM never moved", async () => {
    const { pool, state, inputs, address, next } = await held();
    await change(api, state.addressId, { address: nth(pool, 5) });
    const { state: seen } = await next.refresh(state, inputs);
    expect(seen.drift).toEqual([expect.stringContaining(`NetBox has ${nth(pool, 5)} for`)]);
    expect((await next.update(seen, inputs)).state).toMatchObject({ address, addressId: state.addressId });
  });

  it("follows its owner and its name in place", async () => {
    const { pool, state, inputs, next } = await held();
    const renamed = { ...inputs, owner: "home-1.platform-vm.dev-web", dnsName: "web.example.org" };
    expect((await next.update(state, renamed)).state).toMatchObject({ ...renamed, address: state.address });
    expect((await recordsIn(api, pool))[0]).toMatchObject({
      dns_name: "web.example.org",
      custom_fields: { [ownerField]: "home-1.platform-vm.dev-web" },
    });
  });

  it("is an error to look at while NetBox does not answer, and never drift", async () => {
    const { state, inputs } = await held();
    const { refresh } = await plugin({ ...access, url: "http://127.0.0.1:1" });
    expect((await refresh(state, inputs)).error).toContain("gave no answer");
  });
});

describe.skipIf(netbox.missing)("destroying", () => {
  it("leaves the address reserved, without asking NetBox, for when the VM comes back", async () => {
    const { pool, state, inputs, address, next } = await held();
    await next.create(inputsFor(pool, "app-2"));
    expect(await (await plugin({ ...access, url: "http://127.0.0.1:1" })).destroy(state)).toBe("");
    expect((await next.create(inputs)).state).toMatchObject({ address, outcome: "reused" });
  });

  it("with releaseOnDelete puts it into quarantine, off its own VM's record", async () => {
    const { pool, state, address, next } = await held({ releaseOnDelete: true, quarantineSeconds: 600 });
    const vm = await onVm(state.addressId, "ip-release-own", owner);
    const before = Date.now();
    expect(await next.destroy(state)).toBe("");
    const [record] = await recordsIn(api, pool);
    expect(record).toMatchObject({ address, status: { value: "deprecated" }, assigned_object: null });
    const began = Date.parse(String(record?.custom_fields[releaseAfterField])) - 600_000;
    expect(began).toBeGreaterThanOrEqual(before);
    expect(began).toBeLessThanOrEqual(Date.now());
    expect(await api.get(`/virtualization/virtual-machines/${vm}/`, anything)).toMatchObject({ primary_ip4: null });
    // Done already: once more is no error.
    expect(await next.destroy(state)).toBe("");
  });

  it("does not take it off somebody else's VM, and leaves that record as it is", async () => {
    const { state, next } = await held({ releaseOnDelete: true });
    const vm = await onVm(state.addressId, "ip-release-foreign");
    const before = await api.get(`/virtualization/virtual-machines/${vm}/`, anything);
    expect(await next.destroy(state)).toMatch(
      /on VM ip-release-foreign \(record \d+\), which is not .* and is not touched/,
    );
    expect(await api.get(`/virtualization/virtual-machines/${vm}/`, anything)).toEqual(before);
  });

  it("releases nothing that is another stack's by now, or no longer this identity's", async () => {
    const { pool, state, next } = await held({ releaseOnDelete: true });
    await change(api, state.addressId, { custom_fields: { [ownerField]: "home-1.platform-vm.other" } });
    expect(await next.destroy(state)).toBe("");
    await change(api, state.addressId, { custom_fields: { holdfast_identity: null, [ownerField]: owner } });
    expect(await next.destroy(state)).toBe("");
    expect((await recordsIn(api, pool))[0]).toMatchObject({ status: { value: "reserved" } });
  });
});

describe.skipIf(netbox.missing)("quarantine", () => {
  it("keeps an address from others until its time, and gives it back to its own VM at once", async () => {
    const { pool, state, inputs, address, next } = await held({ releaseOnDelete: true });
    await next.destroy(state);
    expect((await next.create(inputsFor(pool, "app-2"))).state.address).toBe(nth(pool, 1));
    expect((await next.preview(inputs)).state.address).toBe(address);
    expect((await next.create(inputs)).state).toMatchObject({ address, outcome: "reused" });
    const [record] = await recordsIn(api, pool);
    expect(record).toMatchObject({ status: { value: "reserved" }, custom_fields: { [releaseAfterField]: null } });
  });

  it("is over when its time has come: the next allocation gets the address", async () => {
    const { pool, state, address, next } = await held();
    await quarantined({ state } as Given, past);
    expect((await next.create(inputsFor(pool, "app-2"))).state).toMatchObject({ address, outcome: "allocated" });
    expect(await recordsIn(api, pool)).toHaveLength(1);
  });

  it("that is over is found when nothing else is left, also after the first look for such", async () => {
    const pool = nextPool();
    const { create } = await plugin(access);
    const all = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((n) => create(inputsFor(pool, `app-${n}`))));
    // The holders that are named are those of the lowest addresses.
    const lowest = all.find(({ state }) => state.address === nth(pool, 0)) as Given;
    await quarantined(lowest, future);
    expect((await create(inputsFor(pool, "app-9"))).error).toMatch(/app-\d\/[^,]* in quarantine until 2/);
    await quarantined(lowest, past);
    expect((await create(inputsFor(pool, "app-9"))).state.address).toBe(nth(pool, 0));
  });

  it("that ends while its VM takes the address back does not: what changed since it was read is not deleted", async () => {
    const { pool, state, address } = await held();
    await quarantined({ state } as Given, past);
    const proxy = await faultyNetbox(access.url);
    const back = { status: "reserved", custom_fields: { [releaseAfterField]: null } };
    proxy.meanwhile("DELETE", /ip-addresses/, () => change(api, state.addressId, back));
    const other = await (await plugin({ ...access, url: proxy.url })).create(inputsFor(pool, "app-2"));
    expect(other).toMatchObject({ error: "", state: { address: nth(pool, 1) } });
    expect((await recordsIn(api, pool))[0]).toMatchObject({
      id: state.addressId,
      address,
      status: { value: "reserved" },
    });
  });

  it("is only what holdfast released: an address that somebody deprecated by hand stays", async () => {
    const pool = nextPool();
    const address = nth(pool, 0);
    await make(api, "/ipam/ip-addresses/", {
      address,
      status: "deprecated",
      custom_fields: { [releaseAfterField]: past },
    });
    expect((await (await plugin(access)).create(inputsFor(pool, "app-1"))).state.address).toBe(nth(pool, 1));
  });
});
