/**
 * The forge's token goes to the forge that the configuration names, whatever inputs, states and files say: a second server notes
 * what it is sent, over every operation of the plugin.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runnerRegistration } from "../../../../provider/forge/runner-registration.ts";
import { movedFrom, tokenFor } from "../../../../provider/forge/token.ts";
import { preflight } from "../../../../provider/host/preflight.ts";
import type { Catalogue } from "../../../../provider/server.ts";
import { serveHttp } from "../../../fixtures/loopback.fixture.ts";
import { engineFor, secret } from "../../../fixtures/provider-client.fixture.ts";
import { fakeForge, row, versions } from "../../../fixtures/provider-forge.fixture.ts";

const { type } = runnerRegistration;
const catalogue = { version: "0", kinds: [runnerRegistration], functions: [preflight] } as unknown as Catalogue;

/** The configured forge, a plugin with its token, and a stranger that looks like a forge. */
async function site(config: { bound?: boolean } = {}, version: string = versions.forgejo15) {
  const forge = await fakeForge({ version, rows: [row()] });
  const seen: string[] = [];
  const stranger = await serveHttp((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? "without a token"}`);
    response.setHeader("content-type", "application/json");
    response.end(request.url?.endsWith("/version") ? JSON.stringify({ version: versions.forgejo15 }) : "[]");
  });
  const engine = await engineFor(catalogue);
  const bound = config.bound ?? true;
  await engine.configure({ forgeToken: secret(forge.apiToken), ...(bound ? { forgeUrl: forge.url } : {}) });
  return { forge, engine, stranger, tokens: () => seen.filter((line) => line.includes("token ")) };
}

const inputs = (forgeUrl: string) => ({
  forgeUrl,
  scope: "",
  name: "foundation-runner-02",
  owner: "home.runners.crunchy",
});
const state = (forgeUrl: string) => ({ ...inputs(forgeUrl), uuid: row().uuid, token: "own", runnerId: 90 });
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: Error) => error.message,
  );

test("a create for another forge is refused, and says which one the token belongs to", async () => {
  const { forge, engine, stranger, tokens } = await site();
  const output = await outcome(engine.create(type, inputs(stranger)));
  expect(output).toContain(`forge.token belongs to ${forge.url}, so it is not sent to ${stranger}; set forge.url`);
  expect(tokens()).toEqual([]);
});

test("a preflight for another forge asks nobody", async () => {
  const { engine, stranger, tokens } = await site();
  const host = { host: "127.0.0.1", port: 1, user: "root", stack: "runners/crunchy" };
  const wanted = { host, pool: "images", owner: "o", domainType: "kvm", fenced: false, vms: [], diskKey: "d" };
  const lists = { recordedVolumes: [], downloads: [], forge: { url: stranger, scope: "" } };
  expect(await outcome(engine.invoke(preflight.token, { ...wanted, ...lists }))).toContain("so it is not sent to");
  expect(tokens()).toEqual([]);
});

test("a file to import that names another forge is refused", async () => {
  const { engine, stranger, tokens } = await site();
  const path = join(mkdtempSync(join(tmpdir(), "holdfast-runner-file-")), ".runner");
  writeFileSync(path, JSON.stringify({ uuid: row().uuid, token: "own", name: "r", address: stranger }));
  expect(await outcome(engine.read(type, path))).toContain("so it is not sent to");
  expect(tokens()).toEqual([]);
});

test("a state that names another forge is not looked at there, and stays as it is", async () => {
  const { engine, stranger, tokens } = await site();
  const read = await engine.read(type, row().uuid, state(stranger), inputs(stranger));
  expect(read.getId()).toBe(row().uuid);
  expect(tokens()).toEqual([]);
});

test("what was registered where the forge was before is taken away where it is now, by its uuid", async () => {
  const { forge, engine, stranger, tokens } = await site();
  expect(await outcome(engine.delete(type, row().uuid, state(stranger)))).toBe("done");
  expect(forge.rows).toEqual([]);
  expect(tokens()).toEqual([]);
});

test("where the forge does not list uuids, nothing tells that it is the same one, and nothing is taken away", async () => {
  const { forge, engine, stranger, tokens } = await site({}, versions.gitea);
  expect(await outcome(engine.delete(type, row().uuid, state(stranger)))).toBe("done");
  expect(forge.rows).toHaveLength(1);
  expect(tokens()).toEqual([]);
});

test("a state of release 0.1, without the token's forge, is destroyed; nothing new is made with its token", async () => {
  const { forge, engine, tokens, stranger } = await site({ bound: false });
  expect(await outcome(engine.create(type, inputs(forge.url)))).toMatch(
    /is not recorded, so it is not sent .*; run pulumi up/,
  );
  expect(await outcome(engine.create(type, inputs(stranger)))).toContain("is not recorded");
  expect(await outcome(engine.delete(type, row().uuid, state(forge.url)))).toBe("done");
  expect(forge.rows).toEqual([]);
  expect(tokens()).toEqual([]);
});

test("only what belongs to the token's forge changes in the provider: nothing is replaced for it", async () => {
  const { engine, forge } = await site();
  const config = { forgeToken: secret(forge.apiToken) };
  const diff = await engine.diffConfig(config, { ...config, forgeUrl: forge.url });
  expect([diff.getDiffsList(), diff.getReplacesList()]).toEqual([["forgeUrl"], []]);
});

test.each([
  ["https://forge.example.org", true],
  ["https://forge.example.org:443/git/", true],
  ["https://FORGE.example.org", true],
  ["http://forge.example.org", false],
  ["https://forge.example.org:8443", false],
  ["https://forge.example.org.evil.example", false],
  ["https://forge.example.org@evil.example", false],
  ["https://evil.example/https://forge.example.org", false],
  ["forge.example.org", false],
  ["", false],
])("for %j the token of https://forge.example.org is given: %s", (url, given) => {
  const config = { forgeToken: "t", forgeUrl: "https://forge.example.org/" };
  for (const from of ["inputs", "state"] as const) {
    const asked = () => tokenFor(config, url, from);
    if (given) expect(asked()).toBe("t");
    else expect(asked).toThrow("so it is not sent to");
  }
  expect(movedFrom(url, config)).toBe(given ? undefined : config.forgeUrl);
  expect(tokenFor({ forgeUrl: config.forgeUrl }, url, "inputs")).toBeUndefined();
});
