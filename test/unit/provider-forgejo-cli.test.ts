/**
 * Registration over SSH on the forge host, against an SSH stand-in for it: the secret travels by standard input alone, the
 * same owner always gets the same row, and deleting makes the row useless.
 *
 * Not proven here: Forgejo's own command line (it cannot be built here; docs/proof.md).
 */
import { expect, test } from "vitest";
import { runnerRegistration } from "../../provider/forge/runner-registration.ts";
import type { Catalogue } from "../../provider/server.ts";
import { engineFor, raw, secret } from "./provider-client.fixture.ts";
import { type Answer, operatorHome, type StandIn, sshHost } from "./ssh-host.fixture.ts";

const type = "holdfast:forge:RunnerRegistration";
const uuid = "4f7b1c2e-8a1d-4c53-9d0a-0f1e2d3c4b5a";
const catalogue = { version: "0", kinds: [runnerRegistration], functions: [] } as unknown as Catalogue;

/** The plugin without an API token, and a forge host that answers with `answer`. */
async function site(answer: () => Answer = () => ({ stdout: uuid })) {
  operatorHome();
  const server = await sshHost({ answer });
  const engine = await engineFor(catalogue);
  await engine.configure({});
  return { server, engine };
}

function inputs({ host, port }: StandIn, changes: object = {}) {
  const forgeHost = {
    host,
    port,
    user: "root",
    stack: "runners/crunchy",
    command: "docker exec -i -u git forgejo forgejo",
  };
  return {
    forgeUrl: "https://forge.example.org",
    scope: "",
    name: "runner-02",
    owner: "home.runners.crunchy",
    forgeHost,
    ...changes,
  };
}

test("the command is Forgejo's, the secret comes by standard input alone, and the uuid is the answer's", async () => {
  const { server, engine } = await site();
  const created = await engine.create(type, inputs(server, { scope: "ecosystem/site" }));
  const [{ command, stdin } = { command: "", stdin: "" }] = server.received;
  expect(command).toBe(
    "docker exec -i -u git forgejo forgejo forgejo-cli actions register --name 'runner-02' --scope 'ecosystem/site' --secret-stdin",
  );
  expect(stdin).toMatch(/^[0-9a-f]{40}$/);
  expect(created.getId()).toBe(uuid);
  expect(raw(created.getProperties())).toMatchObject({ uuid, token: secret(stdin) });
  expect(raw(created.getProperties())).not.toHaveProperty("runnerId");
});

test("a second try of the same owner has the same first 16 characters and another credential; another owner has others", async () => {
  const { server, engine } = await site();
  await engine.create(type, inputs(server));
  await engine.create(type, inputs(server));
  await engine.create(type, inputs(server, { owner: "home.runners.brix02" }));
  const [one = "", two = "", other = ""] = server.received.map(({ stdin }) => stdin);
  expect(two.slice(0, 16)).toBe(one.slice(0, 16));
  expect(two.slice(16)).not.toBe(one.slice(16));
  expect(other.slice(0, 16)).not.toBe(one.slice(0, 16));
});

test("deleting rotates the secret of the same row to one that nobody keeps", async () => {
  const { server, engine } = await site();
  const created = await engine.create(type, inputs(server));
  await engine.delete(type, uuid, raw(created.getProperties()));
  const [made = "", rotated = ""] = server.received.map(({ stdin }) => stdin);
  expect(rotated.slice(0, 16)).toBe(made.slice(0, 16));
  expect(rotated.slice(16)).not.toBe(made.slice(16));
});

test("deleting after the owner mark changed still rotates the row that was made", async () => {
  const { server, engine } = await site();
  const created = await engine.create(type, inputs(server));
  const updated = await engine.update(
    type,
    raw(created.getProperties()),
    inputs(server, { owner: "casa.runners.crunchy" }),
  );
  await engine.delete(type, uuid, raw(updated.getProperties()));
  const [made = "", rotated = ""] = server.received.map(({ stdin }) => stdin);
  expect(rotated.slice(0, 16)).toBe(made.slice(0, 16));
});

test("warnings before the uuid are passed over", async () => {
  const { server, engine } = await site(() => ({
    stdout: `[W] deprecated setting\n2026/01/01 [I] loading\n${uuid}\n`,
  }));
  expect((await engine.create(type, inputs(server))).getId()).toBe(uuid);
});

test.each([
  ["nothing", ""],
  ["an error page", "Incorrect Usage: flag provided but not defined\nNAME:\n"],
  ["a uuid that is not last", `${uuid}\nfatal: something\n`],
])("output that ends with %s is refused, and where it came from is said", async (_what, stdout) => {
  const { server, engine } = await site(() => ({ stdout }));
  await expect(engine.create(type, inputs(server))).rejects.toThrow(
    /on 127.0.0.1: `docker exec .* forgejo-cli actions register` did not end with a uuid/,
  );
});

test("a command that fails is an error with its words and without the secret, even if it repeats it", async () => {
  let received: StandIn["received"] = [];
  const { server, engine } = await site(() => ({
    code: 1,
    stderr: `the secret ${received.at(-1)?.stdin} is too short`,
  }));
  received = server.received;
  const error = (await engine.create(type, inputs(server)).catch((error: Error) => error)) as Error;
  expect(error.message).toContain("failed with 1: the secret");
  expect(error.message).not.toContain(server.received[0]?.stdin);
});

test("reading concludes nothing where the forge lists no runners", async () => {
  const { server, engine } = await site();
  const created = await engine.create(type, inputs(server));
  const read = await engine.read(type, uuid, raw(created.getProperties()), inputs(server));
  expect(read.getId()).toBe(uuid);
  expect(raw(read.getProperties())).toEqual(raw(created.getProperties()));
  expect(server.received).toHaveLength(1);
});
