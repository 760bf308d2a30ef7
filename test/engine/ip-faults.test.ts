/**
 * Faults between the plugin and a real NetBox: connections that break before or after a request was carried out, errors,
 * answers that never come, that are cut off or are no JSON, and a plugin that is killed. Proves for each that an identity has at
 * most one address, that the next run takes that very one, and that what is said helps.
 */
import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { engineOn, secret } from "../fixtures/provider-client.fixture.ts";
import { realNetbox } from "../real-netbox.ts";
import {
  direct,
  inputsFor,
  nth,
  operations,
  plugin,
  pools,
  readyPools,
  recordsIn,
  remove,
} from "./netbox-plugin.fixture.ts";
import { type Fault, type FaultyNetbox, faultyNetbox } from "./netbox-proxy.fixture.ts";

const netbox = await realNetbox();
const access = netbox.missing === undefined ? netbox : { url: "", token: "" };
const api = direct(access);
const nextPool = pools(63);
const nextReady = netbox.missing === undefined ? await readyPools(api, 63, 24) : nextPool;

/** Accepts whatever NetBox answers. */
const anything = z.unknown();
const allocation = { method: "POST", path: /available-ips/ };
const json = (status: number, body: object) => ({ status, type: "application/json", body: JSON.stringify(body) });
const page = (status: number) => ({ status, type: "text/html", body: "<html><body>Sorry</body></html>" });
const integrity = json(500, { error: "duplicate key value violates unique constraint", exception: "IntegrityError" });

/** A plugin behind a proxy with faults, in a pool where NetBox and plugin have met already. */
async function behind(attemptMs?: number): Promise<{
  proxy: FaultyNetbox;
  act: Awaited<ReturnType<typeof plugin>>;
  pool: ReturnType<typeof nextPool>;
}> {
  const pool = nextReady();
  const proxy = await faultyNetbox(access.url);
  const act = await plugin({ ...access, url: proxy.url }, attemptMs);
  expect((await act.create(inputsFor(pool, "app-0"))).error).toBe("");
  proxy.passed.length = 0;
  return { proxy, act, pool };
}

/** Allocations that were asked for. */
const asked = ({ passed }: FaultyNetbox) =>
  passed.filter(({ method, path }) => method === "POST" && /available-ips/.test(path)).length;

describe.skipIf(netbox.missing)("an allocation without an answer", () => {
  it.each<[string, Omit<Fault, "method" | "path">, string, number]>([
    ["the connection broke before NetBox had it", { reaches: false, gives: "drop" }, "allocated", 2],
    ["the connection broke when it was done", { reaches: true, gives: "drop" }, "adopted", 1],
    ["500, and nothing was done", { reaches: false, gives: page(500) }, "allocated", 2],
    ["500, when it was done", { reaches: true, gives: page(500) }, "adopted", 1],
    ["500 of two that wrote at once", { reaches: true, gives: integrity }, "adopted", 1],
    ["502 of a proxy, and nothing was done", { reaches: false, gives: page(502) }, "allocated", 2],
    ["502 of a proxy, when it was done", { reaches: true, gives: page(502) }, "adopted", 1],
    ["nothing within the bound, when it was done", { reaches: true, gives: "silence" }, "adopted", 1],
    ["half of the answer", { reaches: true, gives: "half" }, "adopted", 1],
    ["200 and no JSON", { reaches: true, gives: page(200) }, "adopted", 1],
    ["503, too busy", { reaches: false, gives: page(503), times: 2 }, "allocated", 3],
    ["429, too many", { reaches: false, gives: json(429, { detail: "throttled" }) }, "allocated", 2],
  ])("%s: looked for by its identity, and never asked for twice", async (_what, fault, outcome, times) => {
    const { proxy, act, pool } = await behind(fault.gives === "silence" ? 1_500 : undefined);
    proxy.arm({ ...allocation, ...fault });
    const given = await act.create(inputsFor(pool, "app-1"));
    expect(given).toMatchObject({ error: "", state: { address: nth(pool, 1), outcome } });
    expect(asked(proxy)).toBe(times);
    expect((await recordsIn(api, pool)).map(({ address }) => address)).toEqual([nth(pool, 0), nth(pool, 1)]);
  });

  it("that NetBox carries out only when it is asked again makes no second address", async () => {
    const { proxy, act, pool } = await behind();
    proxy.arm({ ...allocation, reaches: "late", gives: "drop" });
    const given = await act.create(inputsFor(pool, "app-1"));
    expect(given).toMatchObject({ error: "", state: { address: nth(pool, 1), outcome: "adopted" } });
    expect(await recordsIn(api, pool)).toHaveLength(2);
  });

  it("and a look for it that fails too is an error, not a second allocation; the next run adopts what was made", async () => {
    const { proxy, act, pool } = await behind();
    proxy.arm({ ...allocation, reaches: true, gives: "drop" });
    proxy.arm({ method: "GET", path: /cf_holdfast_identity/, times: 3, reaches: false, gives: page(502) });
    const { error } = await act.create(inputsFor(pool, "app-1"));
    expect(error).toMatch(
      /^whether onprem\/dev\/app-1\/.* has an address in NetBox is not known: .* 502 .* pulumi up finds it by its identity$/,
    );
    expect(asked(proxy)).toBe(1);
    expect(await act.create(inputsFor(pool, "app-1"))).toMatchObject({ error: "", state: { address: nth(pool, 1) } });
    expect(await recordsIn(api, pool)).toHaveLength(2);
  });

  it("each time ends within its tries, with what NetBox said last and nothing reserved", async () => {
    const { proxy, act, pool } = await behind();
    proxy.arm({ ...allocation, times: 99, reaches: false, gives: page(502) });
    const { error } = await act.create(inputsFor(pool, "app-1"));
    expect(error).toMatch(
      /answered POST .*available-ips\/ with 502 .*app-1.* was looked for since, and has no address; run pulumi up again/,
    );
    expect(asked(proxy)).toBe(3);
    expect(await recordsIn(api, pool)).toHaveLength(1);
  });

  it.each([
    [
      "an HTML 404, from whatever answers there",
      page(404),
      /answered POST .* with 404 .* is netbox\.url the address of NetBox itself/,
    ],
    ["403", json(403, { detail: "Invalid v1 token" }), /NETBOX_API_TOKEN is rejected by NetBox API/],
    [
      "a refusal",
      json(400, { tags: ["Related object not found"] }),
      /refused POST .*: 400 tags: Related object not found/,
    ],
  ])("but with %s is refused at once", async (_what, gives, words) => {
    const { proxy, act, pool } = await behind();
    proxy.arm({ ...allocation, times: 99, reaches: false, gives });
    expect((await act.create(inputsFor(pool, "app-1"))).error).toMatch(words);
    expect(asked(proxy)).toBe(1);
    expect(await recordsIn(api, pool)).toHaveLength(1);
  });
});

describe.skipIf(netbox.missing)("a fault", () => {
  it("while the pool is made leaves one prefix and one range", async () => {
    const pool = nextPool();
    const proxy = await faultyNetbox(access.url);
    const { create } = await plugin({ ...access, url: proxy.url });
    proxy.arm({ method: "POST", path: /prefixes/, reaches: true, gives: "drop" });
    proxy.arm({ method: "POST", path: /ip-ranges\/$/, reaches: true, gives: page(502) });
    expect((await create(inputsFor(pool, "app-1"))).error).toBe("");
    for (const [path, query] of [
      ["/ipam/prefixes/", { prefix: pool.subnet }],
      ["/ipam/ip-ranges/", { parent: pool.subnet }],
    ] as const) {
      expect(await api.list(path, anything, query, () => true)).toHaveLength(1);
    }
  });

  it("in a refresh is an error, and in an update that restores an address never costs it", async () => {
    const { proxy, act, pool } = await behind();
    const inputs = inputsFor(pool, "app-1");
    const { state } = await act.create(inputs);
    proxy.arm({ path: /cf_holdfast_identity/, times: 3, reaches: true, gives: "half" });
    expect((await act.refresh(state, inputs)).error).toContain("cut off");
    await remove(api, state.addressId);
    proxy.arm({ method: "POST", path: /ip-addresses\/$/, reaches: true, gives: "drop" });
    expect(await act.update(state, inputs)).toMatchObject({
      error: "",
      state: { address: state.address, outcome: "restored" },
    });
    expect(await recordsIn(api, pool)).toHaveLength(2);
  });

  it("that takes our custom field away is found before anything is allocated", async () => {
    const proxy = await faultyNetbox(access.url);
    const empty = json(200, { count: 0, next: null, previous: null, results: [] });
    proxy.arm({ path: /custom-fields/, reaches: false, gives: empty });
    const { create } = await plugin({ ...access, url: proxy.url });
    const { error } = await create(inputsFor(nextPool(), "app-1"));
    expect(error).toMatch(/lacks custom field holdfast_identity, .*holdfast netbox bootstrap$/);
    expect(proxy.passed.filter(({ method }) => method === "POST")).toEqual([]);
  });
});

/** The plugin as the engine starts it, a process of its own. */
async function pluginProcess(url: string) {
  const executable = join(import.meta.dirname, "..", "..", "provider", "pulumi-resource-holdfast");
  const env = { ...process.env, XDG_STATE_HOME: mkdtempSync(join(tmpdir(), "holdfast-state-")) };
  const child = spawn(executable, { env, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", (line) => resolve(Number(line)));
    child.once("exit", (code) => reject(new Error(`the plugin ended with ${code}`)));
  });
  const engine = engineOn(port);
  await engine.configure({ netboxUrl: url, netboxToken: secret(access.token) });
  return { child, act: operations(engine) };
}

describe.skipIf(netbox.missing)("a plugin that is killed", () => {
  it("between the POST and its answer has reserved what the next run takes", async () => {
    const pool = nextPool();
    const proxy = await faultyNetbox(access.url);
    proxy.arm({ ...allocation, reaches: true, gives: "silence" });
    const first = await pluginProcess(proxy.url);
    const done = proxy.answered("POST", /available-ips/);
    const broken = first.act.create(inputsFor(pool, "app-1"));
    await done;
    first.child.kill("SIGKILL");
    expect((await broken).error).not.toBe("");
    expect(await recordsIn(api, pool)).toHaveLength(1);

    const second = await pluginProcess(proxy.url);
    expect(await second.act.create(inputsFor(pool, "app-1"))).toMatchObject({
      error: "",
      state: { address: nth(pool, 0), outcome: "reused" },
    });
    expect(await recordsIn(api, pool)).toHaveLength(1);
  });
});
