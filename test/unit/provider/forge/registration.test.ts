/**
 * `holdfast:forge:RunnerRegistration` through the plugin's real server, against a small Gitea: one row per runner whatever
 * happens, deregistration, errors that say the next step, and the minting token nowhere.
 *
 * Not proven here: that a real Gitea behaves like the stand-in (the engine and lab rings use a real one).
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runnerDescription } from "../../../../lib/forge/forgejo.ts";
import { pendingLabel } from "../../../../lib/forge/gitea.ts";
import { runnerRegistration } from "../../../../provider/forge/runner-registration.ts";
import type { Catalogue } from "../../../../provider/server.ts";
import { FakeForge, type Fate, type Fault, type ForgeOptions } from "../../../engine/fake-forge.ts";
import type { Row } from "../../../engine/fake-forge-rows.ts";
import { nowhere } from "../../../fixtures/loopback.fixture.ts";
import { engineFor, raw, secret } from "../../../fixtures/provider-client.fixture.ts";
import { fakeForge, row, versions } from "../../../fixtures/provider-forge.fixture.ts";

const type = "holdfast:forge:RunnerRegistration";
const owner = "home.runners.crunchy";
const name = "foundation-runner-02";
const catalogue = { version: "0", kinds: [runnerRegistration], functions: [] } as unknown as Catalogue;

const { apiToken: adminToken, mintedToken: registrationToken } = new FakeForge();

/** The plugin, configured with the minting token of the forge unless another configuration is given. */
async function plugin(forgeUrl: string, config: object = { forgeToken: secret(adminToken) }) {
  const engine = await engineFor(catalogue);
  await engine.configure({ ...config, forgeUrl });
  return engine;
}

const inputs = (forgeUrl: string, scope = "") => ({ forgeUrl, scope, name, owner });
/** All that the engine got to see of an operation that must fail. */
async function refusal(operation: Promise<unknown>): Promise<string> {
  const error = await operation.then(
    () => new Error("it was accepted"),
    (error: Error) => error,
  );
  return error.message;
}

test("creating mints with POST, registers one row with the pending label, and gives the runner's own credentials", async () => {
  const forge = await fakeForge();
  const engine = await plugin(forge.url);
  const created = await engine.create(type, inputs(forge.url));
  expect(created.getId()).toBe(forge.rows[0]?.uuid);
  expect(raw(created.getProperties())).toMatchObject({
    uuid: forge.rows[0]?.uuid,
    token: secret(forge.rows[0]?.token),
    runnerId: 1,
  });
  expect(forge.rows).toMatchObject([{ name, labels: [pendingLabel(owner)] }]);
  expect(forge.requests).toEqual([
    "GET /api/v1/version",
    "GET /api/v1/admin/actions/runners",
    "POST /api/v1/admin/actions/runners/registration-token",
    "POST /api/actions/runner.v1.RunnerService/Register",
  ]);
});

test.each([
  ["", "/api/v1/admin/actions/runners"],
  ["ecosystem", "/api/v1/orgs/ecosystem/actions/runners"],
  ["ecosystem/site", "/api/v1/repos/ecosystem/site/actions/runners"],
])("the scope %j is registered at its own place", async (scope, path) => {
  const forge = await fakeForge();
  await (await plugin(forge.url)).create(type, inputs(forge.url, scope));
  expect(forge.requests).toContain(`POST ${path}/registration-token`);
});

test("neither the minting nor the registration token is in state, outputs or inputs", async () => {
  const forge = await fakeForge();
  const engine = await plugin(forge.url);
  const created = await engine.create(type, inputs(forge.url));
  const state = raw(created.getProperties());
  const read = await engine.read(type, created.getId(), state, inputs(forge.url));
  const updated = await engine.update(type, state, inputs(forge.url));
  const seen = JSON.stringify([state, raw(read.getProperties()), raw(read.getInputs()), raw(updated.getProperties())]);
  expect(seen).toContain(forge.rows[0]?.token);
  expect(seen).not.toContain(adminToken);
  expect(seen).not.toContain(registrationToken);
});

test("a registration of ours that a killed run left half-made is removed first: no second row", async () => {
  const forge = await fakeForge({ rows: [row({ labels: [pendingLabel(owner)] })] });
  await (await plugin(forge.url)).create(type, inputs(forge.url));
  expect(forge.rows.map(({ id, name }) => [id, name])).toEqual([[1, name]]);
});

test.each([
  ["of somebody else", ["fenced"]],
  ["half-made by another stack", [pendingLabel("home.runners.brix02")]],
  ["without labels", []],
])("a namesake %s is refused, and stays", async (_whose, labels) => {
  const forge = await fakeForge({ rows: [row({ labels })] });
  const output = await refusal((await plugin(forge.url)).create(type, inputs(forge.url)));
  expect(output).toContain(`a runner named ${name} (number 90) is already registered`);
  expect(output).toContain("choose another vm.name");
  expect(forge.rows).toHaveLength(1);
});

test("a namesake is found behind the first page", async () => {
  const many = Array.from({ length: 60 }, (_, index) => row({ id: 100 + index, name: `runner-${index}` }));
  const forge = await fakeForge({ rows: [...many, row()] });
  expect(await refusal((await plugin(forge.url)).create(type, inputs(forge.url)))).toContain("already registered");
});

test("reading sees that the row is there, and that it vanished", async () => {
  const forge = await fakeForge();
  const engine = await plugin(forge.url);
  const created = await engine.create(type, inputs(forge.url));
  const state = raw(created.getProperties());
  expect((await engine.read(type, created.getId(), state, inputs(forge.url))).getId()).toBe(created.getId());
  forge.rows.splice(0);
  expect((await engine.read(type, created.getId(), state, inputs(forge.url))).getId()).toBe("");
});

test.each([401, 403, 404, 502])(
  "a forge that answers a refresh with %i has shown nothing: the row is kept",
  async (status) => {
    let down = false;
    const forge = await fakeForge({
      fault: ({ path }) => (down && path.includes("/runners") ? { status } : undefined),
    });
    const engine = await plugin(forge.url);
    const created = await engine.create(type, inputs(forge.url));
    const state = raw(created.getProperties());
    down = true;
    expect((await engine.read(type, created.getId(), state, inputs(forge.url))).getId()).toBe(created.getId());
  },
);

test.each([versions.gitea, versions.forgejo15])(
  "a row on a busy %s is not gone because it moved between pages",
  async (version) => {
    let clock = 1000;
    const busy = Array.from({ length: 60 }, (_, index) =>
      row({ id: 100 + index, name: `r${index}`, lastOnline: index + 1 }),
    );
    const afterList = (rows: Row[]) => {
      const last = [...rows].sort((one, other) => (one.lastOnline ?? 0) - (other.lastOnline ?? 0)).slice(0, 20);
      for (const one of last) one.lastOnline = ++clock;
    };
    const forge = await fakeForge({ version, pageRows: 20, allAtOnce: false, afterList });
    const engine = await plugin(forge.url);
    const created = await engine.create(type, inputs(forge.url));
    const state = raw(created.getProperties());
    forge.rows.push(...busy);
    for (let looks = 0; looks < 20; looks++) {
      expect((await engine.read(type, created.getId(), state, inputs(forge.url))).getId()).toBe(created.getId());
    }
  },
);

test.each<[string, Fate]>([
  ["text", { status: 404, body: "404 page not found\n", headers: { "content-type": "text/plain" } }],
  ["JSON of another thing", { status: 404, body: '{"message":"GetOrgByName"}' }],
])("a 404 with %s neither loses a row at a refresh nor takes it for deleted at a destroy", async (_what, fate) => {
  let strange = false;
  const forge = await fakeForge({
    version: versions.forgejo15,
    fault: ({ path }) => (strange && /runners\/\d/.test(path) ? fate : undefined),
  });
  const engine = await plugin(forge.url);
  const created = await engine.create(type, inputs(forge.url));
  const state = raw(created.getProperties());
  strange = true;
  expect((await engine.read(type, created.getId(), state, inputs(forge.url))).getId()).toBe(created.getId());
  expect(await refusal(engine.delete(type, created.getId(), state))).toContain("404");
  expect(forge.rows).toHaveLength(1);
});

test("a row of our number with another uuid is another runner: gone, and left alone by a destroy", async () => {
  const forge = await fakeForge({ version: versions.forgejo15 });
  const engine = await plugin(forge.url);
  const created = await engine.create(type, inputs(forge.url));
  const state = raw(created.getProperties());
  // The same name: the forge was set up anew, and somebody registered again.
  forge.rows.splice(0, 1, row({ id: 1 }));
  expect((await engine.read(type, created.getId(), state, inputs(forge.url))).getId()).toBe("");
  await engine.delete(type, created.getId(), state);
  expect(forge.rows).toHaveLength(1);
});

test("a registration over SSH is gone only when two complete lists are without it", async () => {
  let lists = 0;
  const uuid = "4f7b1c2e-8a1d-4c53-9d0a-0f1e2d3c4b5a";
  const shy = row({ uuid, id: 91 });
  // In the first list it is missing, as one that moves between pages may be.
  const fault: Fault = ({ method, path }) => {
    if (method === "GET" && path.endsWith("/runners"))
      forge.rows.splice(0, 2, ...(lists++ === 0 ? [row()] : [row(), shy]));
    return undefined;
  };
  const forge = await fakeForge({ version: versions.forgejo15, rows: [row()], fault });
  const engine = await plugin(forge.url);
  const state = { ...inputs(forge.url), uuid, token: "the-shared-secret" };
  expect((await engine.read(type, uuid, state, inputs(forge.url))).getId()).toBe(uuid);
  expect(lists).toBe(2);
});

test.each(["", "ecosystem", "ecosystem/app"])(
  "a row of the scope %j on a forge whose Actions were disabled is there, or not observed, and never gone",
  async (scope) => {
    const options: ForgeOptions = { version: versions.forgejo15 };
    const forge = await fakeForge(options);
    const engine = await plugin(forge.url);
    const created = await engine.create(type, inputs(forge.url, scope));
    options.actions = false;
    const state = raw(created.getProperties());
    expect((await engine.read(type, created.getId(), state, inputs(forge.url, scope))).getId()).toBe(created.getId());
  },
);

test("registering for a repository where Actions are disabled says so, and does not blame the repository", async () => {
  const forge = await fakeForge({ version: versions.forgejo15, actions: false });
  const output = await refusal((await plugin(forge.url)).create(type, inputs(forge.url, "ecosystem/app")));
  expect(output).toContain("Actions are disabled on");
  expect(output).not.toContain("forge.scope");
});

test("a registration for one job is not imported: it is gone after that", async () => {
  const forge = await fakeForge({ version: versions.forgejo15, rows: [row({ ephemeral: true })] });
  const file = { uuid: row().uuid, token: "own", name, address: forge.url };
  const output = await refusal((await plugin(forge.url)).read(type, runnerFile(JSON.stringify(file))));
  expect(output).toContain("is registered for one job and gone after it");
});

test("deleting deregisters; a row that is gone already is as good as deleted", async () => {
  const forge = await fakeForge();
  const engine = await plugin(forge.url);
  const created = await engine.create(type, inputs(forge.url));
  const state = raw(created.getProperties());
  await engine.delete(type, created.getId(), state);
  expect(forge.rows).toEqual([]);
  await engine.delete(type, created.getId(), state);
});

test("a row with our number that is another runner, as after the forge was set up anew, is not ours", async () => {
  const forge = await fakeForge();
  const engine = await plugin(forge.url);
  const created = await engine.create(type, inputs(forge.url));
  const state = raw(created.getProperties());
  forge.rows.splice(0, 1, row({ id: 1, name: "somebody-else" }));
  expect((await engine.read(type, created.getId(), state, inputs(forge.url))).getId()).toBe("");
  await engine.delete(type, created.getId(), state);
  expect(forge.rows).toMatchObject([{ name: "somebody-else" }]);
});

test.each([
  ["11 to 14", versions.forgejo11],
  ["10 or before", versions.forgejo7],
])("a token for Forgejo %s is refused before anything is minted, with what to do instead", async (which, version) => {
  const forge = await fakeForge({ version });
  const output = await refusal((await plugin(forge.url)).create(type, inputs(forge.url)));
  expect(output).toContain(`is Forgejo ${which} (${version}), whose API can neither list nor delete runners`);
  expect(output).toContain("register over SSH on the forge host instead: pulumi config rm forge.token");
  expect(forge.requests).toEqual(["GET /api/v1/version"]);
});

test("on Forgejo 15 one POST makes the row, with our mark as its description", async () => {
  const forge = await fakeForge({ version: versions.forgejo15 });
  const created = await (await plugin(forge.url)).create(type, inputs(forge.url));
  expect(forge.rows).toMatchObject([{ name, description: runnerDescription(owner) }]);
  expect(created.getId()).toBe(forge.rows[0]?.uuid);
  expect(raw(created.getProperties())).toMatchObject({ token: secret(forge.rows[0]?.token), runnerId: 1 });
  expect(forge.requests.filter((request) => !request.startsWith("GET"))).toEqual([
    "POST /api/v1/admin/actions/runners",
  ]);
});

test("a registration over SSH is found by its uuid once there is a token and a forge that lists it, and deleted", async () => {
  const uuid = "4f7b1c2e-8a1d-4c53-9d0a-0f1e2d3c4b5a";
  const forge = await fakeForge({ version: versions.forgejo15, rows: [row({ uuid, name })] });
  const engine = await plugin(forge.url);
  const state = { ...inputs(forge.url), uuid, token: "the-shared-secret" };
  const read = await engine.read(type, uuid, state, inputs(forge.url));
  expect(raw(read.getProperties())).toMatchObject({ uuid, runnerId: 90 });
  await engine.delete(type, uuid, state);
  expect(forge.rows).toEqual([]);
});

test("a registration over SSH that a Gitea cannot tell by its uuid is kept, and not taken for deleted", async () => {
  const forge = await fakeForge({ rows: [row()] });
  const state = { ...inputs(forge.url), uuid: "4f7b1c2e-8a1d-4c53-9d0a-0f1e2d3c4b5a", token: "the-shared-secret" };
  const engine = await plugin(forge.url);
  expect((await engine.read(type, state.uuid, state, inputs(forge.url))).getId()).toBe(state.uuid);
  await engine.delete(type, state.uuid, state);
  expect(forge.rows).toHaveLength(1);
});

test("without a token nothing is observed, so a refresh keeps the registration", async () => {
  const forge = await fakeForge();
  const created = await (await plugin(forge.url)).create(type, inputs(forge.url));
  const poor = await plugin(forge.url, {});
  const state = raw(created.getProperties());
  expect((await poor.read(type, created.getId(), state, inputs(forge.url))).getId()).toBe(created.getId());
  expect(await refusal(poor.delete(type, created.getId(), state))).toContain("needs one to be deleted");
});

test("a forge that repeats the token in its answer does not make us repeat it", async () => {
  const forge = await fakeForge({
    fault: ({ authorization }) =>
      authorization ? { status: 403, body: JSON.stringify({ message: `no scope for ${authorization}` }) } : undefined,
  });
  const output = await refusal((await plugin(forge.url)).create(type, inputs(forge.url)));
  expect(output).toContain("403 (no scope for");
  expect(output).not.toContain(adminToken);
});

test("a token that no header can carry is not repeated either", async () => {
  const forge = await fakeForge();
  const bad = `${adminToken}\u0001${adminToken}`;
  const output = await refusal((await plugin(forge.url, { forgeToken: secret(bad) })).create(type, inputs(forge.url)));
  expect(output).not.toContain(adminToken);
});

test("a forge that is not there is named with the reason and the key to check", async () => {
  const url = await nowhere();
  const output = await refusal((await plugin(url)).create(type, inputs(url)));
  expect(output).toContain(`cannot reach the forge: GET ${url}/api/v1/version: ECONNREFUSED; nothing listens there`);
});

test("without a minting token and without a forge host the error says how to give either", async () => {
  const forge = await fakeForge();
  const output = await refusal((await plugin(forge.url, {})).create(type, inputs(forge.url)));
  expect(output).toContain("pulumi config set --secret forge.token, or set forge.ssh.*");
});

/** A copy of a runner's registration file. */
function runnerFile(content: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "holdfast-import-")), ".runner");
  writeFileSync(path, content);
  return path;
}

test("an import takes the credentials from the runner's own file and the number from the forge", async () => {
  const forge = await fakeForge({ rows: [row()] });
  const file = { uuid: row().uuid, token: "the-runner's-own", name, address: `${forge.url}/` };
  const read = await (await plugin(forge.url)).read(type, runnerFile(JSON.stringify(file)));
  expect(read.getId()).toBe(row().uuid);
  expect(raw(read.getProperties())).toMatchObject({
    name,
    forgeUrl: forge.url,
    runnerId: 90,
    token: secret("the-runner's-own"),
  });
  expect(raw(read.getInputs())).toMatchObject({ name, forgeUrl: forge.url });
});

test.each([
  ["is not there", undefined, "there is no file /nowhere/.runner"],
  ["is not JSON", `token: ${adminToken}`, "is no .runner file"],
  ["lacks the token", '{"uuid":"1"}', "lacks uuid, token, name or address"],
])("a file to import that %s is refused without repeating it", async (_what, content, expected) => {
  const path = content === undefined ? "/nowhere/.runner" : runnerFile(content);
  const output = await refusal((await plugin(await nowhere())).read(type, path));
  expect(output).toContain(expected);
  expect(output).not.toContain(adminToken);
});

test("an import of a name that the forge lists twice is refused", async () => {
  const forge = await fakeForge({ rows: [row(), row({ id: 91 })] });
  const file = { uuid: row().uuid, token: "own", name, address: forge.url };
  const output = await refusal((await plugin(forge.url)).read(type, runnerFile(JSON.stringify(file))));
  expect(output).toContain(`lists 2 runners named ${name}; exactly one is needed`);
});
