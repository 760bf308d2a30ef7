/**
 * Addresses out of a real NetBox through the plugin's real server: one for each identity, none twice, whatever runs at once.
 * Proves the order in which an address is found, explicit addresses, previews, and what is said when none is left.
 */
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { managedTag, ownerField } from "../../lib/netbox/names.ts";
import { realNetbox } from "../real-netbox.ts";
import {
  change,
  direct,
  identityOf,
  inputsFor,
  make,
  nth,
  owner,
  plugin,
  pools,
  recordsIn,
  recordsOf,
  unknown,
} from "./netbox-plugin.fixture.ts";
import { faultyNetbox } from "./netbox-proxy.fixture.ts";

const netbox = await realNetbox();
const access = netbox.missing === undefined ? netbox : { url: "", token: "" };
const api = direct(access);
const nextPool = pools(61);
/** Accepts whatever NetBox answers. */
const anything = z.unknown();
const range = z.object({ id: z.number(), description: z.string(), tags: z.array(z.object({ slug: z.string() })) });
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `app-${index + 1}`);

describe.skipIf(netbox.missing)("an address", () => {
  it("is the lowest free one of the pool, reserved, marked, and found again by the next who asks", async () => {
    const pool = nextPool();
    const inputs = inputsFor(pool, "app-1", { dnsName: "App-1.Example.org" });
    const first = await (await plugin(access)).create(inputs);
    expect(first).toMatchObject({ error: "", state: { ...inputs, address: nth(pool, 0), outcome: "allocated" } });
    const [record] = await recordsIn(api, pool);
    expect(record).toMatchObject({
      id: first.state.addressId,
      status: { value: "reserved" },
      dns_name: "app-1.example.org",
      custom_fields: {
        [ownerField]: owner,
        holdfast_identity_text: `onprem/dev/app-1/br-${pool.from.replace(/2$/, "0")}/1`,
      },
    });
    const again = await (await plugin(access)).create(inputs);
    expect(again).toMatchObject({ id: first.id, state: { address: nth(pool, 0), outcome: "reused" } });
    expect(await recordsIn(api, pool)).toHaveLength(1);
  });

  it("is given 40 times to 40 VMs that ask at once", async () => {
    const pool = { subnet: "10.61.128.0/24", from: "10.61.128.20", to: "10.61.128.99" };
    const { create } = await plugin(access);
    const given = await Promise.all(numbered(40).map((vm) => create(inputsFor(pool, vm))));
    expect(given.map(({ error }) => error).filter(Boolean)).toEqual([]);
    expect(new Set(given.map(({ state }) => state.address)).size).toBe(40);
    expect(await recordsIn(api, pool)).toHaveLength(40);
    // Both ends of the pool are kept: nothing below its first address, nothing beyond what was asked for.
    const hosts = given.map(({ state }) => Number(String(state.address).split(/[./]/)[3])).sort((a, b) => a - b);
    expect([hosts[0], hosts.at(-1)]).toEqual([20, 59]);
  });

  it("is one, for 20 that ask for one identity at once, four in each of five processes", async () => {
    const pool = nextPool();
    const processes = await Promise.all(numbered(5).map(() => plugin(access)));
    const askers = processes.flatMap(({ create }) => Array.from({ length: 4 }, () => create));
    const given = await Promise.all(askers.map((create) => create(inputsFor(pool, "app-1"))));
    expect(given).toHaveLength(20);
    expect(given.map(({ error }) => error).filter(Boolean)).toEqual([]);
    expect(new Set(given.map(({ state }) => state.addressId)).size).toBe(1);
    expect(given.filter(({ state }) => state.outcome === "allocated")).toHaveLength(1);
    expect(await recordsIn(api, pool)).toHaveLength(1);
  });

  it("is another one in another environment, on the same bridge and for the same VM", async () => {
    const pool = nextPool();
    const { create } = await plugin(access);
    const inputs = (env: string) => ({ ...inputsFor(pool, "app-1"), identity: identityOf(pool, "app-1", env) });
    const [dev, staging] = [await create(inputs("dev")), await create(inputs("staging"))];
    expect([dev.state.address, staging.state.address]).toEqual([nth(pool, 0), nth(pool, 1)]);
  });

  it("moves with its VM to another stack, unless NetBox shows the VM at work", async () => {
    const pool = nextPool();
    const other = { ...inputsFor(pool, "app-1"), owner: "home-1.platform-vm.dev-old" };
    const held = await (await plugin(access)).create(other);
    const type = await make(api, "/virtualization/cluster-types/", { name: "ip-move", slug: "ip-move" });
    const cluster = await make(api, "/virtualization/clusters/", { name: "ip-move", type });
    const vm = await make(api, "/virtualization/virtual-machines/", {
      name: "ip-move-app-1",
      cluster,
      status: "active",
    });
    const nic = await make(api, "/virtualization/interfaces/", { virtual_machine: vm, name: "net0" });
    await change(api, held.state.addressId, {
      assigned_object_type: "virtualization.vminterface",
      assigned_object_id: nic,
    });
    const refused = await (await plugin(access)).create(inputsFor(pool, "app-1"));
    expect(refused.error).toContain("its VM ip-move-app-1 is active: destroy it in home-1.platform-vm.dev-old first");
    await api.send("PATCH", `/virtualization/virtual-machines/${vm}/`, anything, { status: "offline" });
    expect(await (await plugin(access)).create(inputsFor(pool, "app-1"))).toMatchObject({
      error: "",
      state: { address: held.state.address, outcome: "reused" },
    });
    expect((await recordsIn(api, pool))[0]?.custom_fields[ownerField]).toBe(owner);
    // The stack that lost it says so, and takes nothing back.
    const seen = await (await plugin(access)).refresh(held.state, other);
    expect(seen.state.drift).toEqual([`${held.state.address} is ${owner}'s in NetBox`]);
    expect((await (await plugin(access)).update(seen.state, other)).error).toContain(`${owner} took over`);
  });

  it("stops everything where an identity's record is in another subnet, with what to do", async () => {
    const [pool, elsewhere] = [nextPool(), nextPool()];
    const { create } = await plugin(access);
    const identity = identityOf(pool, "app-1");
    const there = await create({ ...inputsFor(elsewhere, "app-1"), identity });
    const moved = await create({ ...inputsFor(pool, "app-1"), identity });
    expect(moved.error).toContain(`record ${there.state.addressId} (${nth(elsewhere, 0)}`);
    expect(moved.error).toMatch(/is outside the subnet .* destroy its VM, delete record \d+, and run pulumi up/);
    expect(await recordsIn(api, pool)).toEqual([]);
    // In place, nothing is deleted for it either.
    const changed = { ...inputsFor(pool, "app-1"), identity };
    expect((await create(changed)).error).toBe(moved.error);
    expect((await (await plugin(access)).previewUpdate(there.state, changed)).error).toBe(moved.error);
  });
});

describe.skipIf(netbox.missing)("an explicit address", () => {
  it("has to be reserved for the identity already; then it is taken", async () => {
    const pool = nextPool();
    const { create, preview } = await plugin(access);
    const pinned = { ...inputsFor(pool, "app-1"), address: nth(pool, 4) };
    const words = `explicit IPAM address ${nth(pool, 4)} for app-1/${pinned.identity.bridge} is not reserved in NetBox for onprem/dev/app-1/`;
    expect((await preview(pinned)).error).toContain(words);
    expect((await create(pinned)).error).toContain(words);
    expect((await create(pinned)).error).toContain("Remove ipv4.address and let holdfast allocate it");
    expect(await recordsIn(api, pool)).toEqual([]);

    const held = await create(inputsFor(pool, "app-1"));
    const now = { ...pinned, address: held.state.address };
    expect(await create(now)).toMatchObject({ error: "", state: { address: held.state.address, outcome: "reused" } });
    expect((await create(pinned)).error).toContain(`has ${held.state.address}`);
    const theirs = { ...inputsFor(pool, "app-2"), address: held.state.address };
    const id = (vm: string) => `onprem/dev/${vm}/${now.identity.bridge}/1`;
    expect((await create(theirs)).error).toContain(
      `is owned by NetBox identity '${id("app-1")}', not '${id("app-2")}'`,
    );
  });

  it("is not taken from a record that somebody made for something else", async () => {
    const pool = nextPool();
    const { create } = await plugin(access);
    await make(api, "/ipam/ip-addresses/", { address: nth(pool, 3), dns_name: "printer.example.org" });
    const { error } = await create({ ...inputsFor(pool, "app-1"), address: nth(pool, 3) });
    expect(error).toMatch(/is not reserved in NetBox for .* \(it is record \d+ \(.*printer\.example\.org\)\)/);
  });
});

describe.skipIf(netbox.missing)("a pool", () => {
  it("leaves out what others have in it, and says who holds it when nothing is left", async () => {
    const pool = nextPool();
    const { create, preview } = await plugin(access);
    await make(api, "/ipam/ip-addresses/", { address: nth(pool, 0), dns_name: "printer" });
    const given = await Promise.all(numbered(9).map((vm) => create(inputsFor(pool, vm))));
    expect(given.filter(({ error }) => error === "")).toHaveLength(7);
    const output = given.find(({ error }) => error !== "")?.error;
    expect(output).toContain("no available IPs in static pool");
    expect(output).toMatch(/prefix \d+, IP range \d+, 8 addresses/);
    expect(output).toMatch(
      new RegExp(`Held by ${owner}: 7 \\(onprem/dev/app-\\d.*, 4 more\\); others than holdfast: 1 \\(.* printer\\)`),
    );
    expect((await preview(inputsFor(pool, "app-10"))).error).toContain("no available IPs in static pool");
    // Whoever has one keeps it, also when nothing is free.
    const holder = numbered(9)[given.findIndex(({ error }) => error === "")] ?? "";
    expect(await create(inputsFor(pool, holder))).toMatchObject({ error: "", state: { outcome: "reused" } });
  });

  it("is not allocated from where NetBox has a range with other bounds, and both are named", async () => {
    const pool = nextPool();
    const end = nth(pool, 10);
    const id = await make(api, "/ipam/ip-ranges/", {
      start_address: nth(pool, 5),
      end_address: end,
      description: "DHCP",
    });
    const { create, preview } = await plugin(access);
    for (const { error } of [await preview(inputsFor(pool, "app-1")), await create(inputsFor(pool, "app-1"))]) {
      expect(error).toContain(
        `IP range ${id} (${nth(pool, 5)} to ${end}, "DHCP"), which overlaps the pool of ${owner}`,
      );
    }
  });

  it("is made once, by however many processes", async () => {
    const pool = nextPool();
    const processes = await Promise.all(numbered(8).map(() => plugin(access)));
    const given = await Promise.all(processes.map(({ create }, n) => create(inputsFor(pool, `app-${n}`))));
    expect(given.map(({ error }) => error).filter(Boolean)).toEqual([]);
    await (await plugin(access)).create(inputsFor(pool, "app-1"));
    const ranges = await api.list("/ipam/ip-ranges/", range, { parent: pool.subnet }, () => true);
    expect(ranges).toEqual([
      expect.objectContaining({
        tags: [expect.objectContaining({ slug: managedTag.slug })],
        description: expect.stringContaining("home-1"),
      }),
    ]);
  });

  it("lies in the VRF of its prefix", async () => {
    const pool = nextPool();
    const vrf = await make(api, "/ipam/vrfs/", { name: `vrf ${pool.subnet}` });
    await make(api, "/ipam/prefixes/", { prefix: pool.subnet, vrf });
    const { create } = await plugin(access);
    await create(inputsFor(pool, "app-1"));
    expect((await recordsOf(api, identityOf(pool, "app-1")))[0]).toMatchObject({
      address: nth(pool, 0),
      vrf: { id: vrf },
    });
  });
});

describe.skipIf(netbox.missing)("a preview", () => {
  it("reads only, says what would be reserved, and knows an address that is there already", async () => {
    const pool = nextPool();
    const proxy = await faultyNetbox(access.url);
    const { preview } = await plugin({ ...access, url: proxy.url });
    const first = await preview(inputsFor(pool, "app-1"));
    expect(first).toMatchObject({ error: "", state: { address: unknown, addressId: unknown } });
    expect(proxy.passed.filter(({ method }) => method !== "GET")).toEqual([]);
    expect(await api.list("/ipam/prefixes/", anything, { prefix: pool.subnet }, () => true)).toEqual([]);

    const { state } = await (await plugin(access)).create(inputsFor(pool, "app-1"));
    const { address, addressId } = state;
    expect((await preview(inputsFor(pool, "app-1"))).state).toMatchObject({ address, addressId, outcome: unknown });
    expect((await preview({ ...inputsFor(pool, "app-1"), address })).state).toMatchObject({ address, addressId });
  });

  it("asks nothing while an input is unknown", async () => {
    const proxy = await faultyNetbox(access.url);
    const { preview } = await plugin({ ...access, url: proxy.url });
    const { state } = await preview({ ...inputsFor(nextPool(), "app-1"), dnsName: unknown });
    await turn();
    expect([state.address, proxy.passed]).toEqual([unknown, []]);
  });

  it("fails where the token is refused, once and for all", async () => {
    const proxy = await faultyNetbox(access.url);
    const { preview } = await plugin({ url: proxy.url, token: "0".repeat(40) });
    const { error } = await preview(inputsFor(nextPool(), "app-1"));
    expect(error).toContain("NETBOX_API_TOKEN is rejected by NetBox API");
    expect(new Set(proxy.passed.map(({ path }) => path)).size).toBe(proxy.passed.length);
  });
});
