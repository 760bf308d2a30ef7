/**
 * Registration over SSH on the forge host, against an SSH server that answers as real Forgejos were recorded to: the secret
 * travels by standard input alone, the same owner always gets the same row, and deleting makes the row useless.
 *
 * Not proven here: Forgejo's own command line in action (it cannot be built here; docs/proof.md).
 */
import { expect, test } from "vitest";
import { type ForgejoPlace, forgejoCommand } from "../../../../lib/forge/forgejo-command.ts";
import { runnerRegistration } from "../../../../provider/forge/runner-registration.ts";
import type { Catalogue } from "../../../../provider/server.ts";
import { forgejoAnswer, uuidOf } from "../../../fixtures/forgejo-host.fixture.ts";
import { recordedVersions } from "../../../fixtures/forgejo-recordings.fixture.ts";
import { engineFor, raw, secret } from "../../../fixtures/provider-client.fixture.ts";
import { type Answer, operatorHome, type StandIn, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const type = "holdfast:forge:RunnerRegistration";
/** Where only the text matters. */
const uuid = "4f7b1c2e-8a1d-4c53-9d0a-0f1e2d3c4b5a";
const catalogue = { version: "0", kinds: [runnerRegistration], functions: [] } as unknown as Catalogue;

/** The plugin without an API token, and a forge host that answers as a real Forgejo was recorded to, or as `answer` says. */
async function site(answer: (command: string, stdin: string, user: string) => Answer = forgejoAnswer()) {
  operatorHome();
  const server = await sshHost({ answer });
  const engine = await engineFor(catalogue);
  await engine.configure({});
  return { server, engine };
}

/** Inputs as a stack makes them that sets nothing but what is given. */
function inputs({ host, port }: StandIn, changes: object = {}, place: Partial<ForgejoPlace> = {}) {
  const user = place.user ?? "root";
  const forgeHost = { host, port, user, stack: "runners/crunchy", command: forgejoCommand({ user, ...place }) };
  return {
    forgeUrl: "https://forge.example.org",
    scope: "",
    name: "runner-02",
    owner: "home.runners.crunchy",
    forgeHost,
    ...changes,
  };
}

test.each(recordedVersions)(
  "on Forgejo %s a plain install takes the secret by standard input alone, without a line end",
  async (version) => {
    const { server, engine } = await site(forgejoAnswer(version));
    const created = await engine.create(type, inputs(server, { scope: "ecosystem/app" }));
    const [{ command, stdin } = { command: "", stdin: "" }] = server.received;
    expect(command).toBe(
      "sudo -n -u git forgejo --config /etc/forgejo/app.ini forgejo-cli actions register --name 'runner-02' --scope 'ecosystem/app' --secret-stdin=true",
    );
    expect(stdin).toMatch(/^[0-9a-f]{40}$/);
    expect(created.getId()).toBe(uuidOf(stdin));
    expect(raw(created.getProperties())).toMatchObject({ uuid: uuidOf(stdin), token: secret(stdin) });
    expect(raw(created.getProperties())).not.toHaveProperty("runnerId");
  },
);

test.each<[string, Partial<ForgejoPlace>, string]>([
  ["the forge's own user, who needs no sudo", { user: "git" }, "forgejo --config /etc/forgejo/app.ini forgejo-cli"],
  ["another login, by sudo", { user: "ops" }, "sudo -n -u git forgejo --config /etc/forgejo/app.ini forgejo-cli"],
  [
    "a container",
    { command: "docker exec -i -u git forgejo forgejo" },
    "docker exec -i -u git forgejo forgejo forgejo-cli",
  ],
  [
    "a container, and a login that needs sudo for docker",
    { user: "ops", command: "docker exec -i -u git forgejo forgejo" },
    "sudo -n docker exec -i -u git forgejo forgejo forgejo-cli",
  ],
])("%s", async (_what, place, command) => {
  const { server, engine } = await site();
  await engine.create(type, inputs(server, {}, place));
  expect(server.received[0]?.command).toBe(`${command} actions register --name 'runner-02' --secret-stdin=true`);
});

test.each<[string, Partial<ForgejoPlace>, object, string]>([
  ["as root", { command: "forgejo --config /etc/forgejo/app.ini" }, {}, "Forgejo does not run as root"],
  ["without its configuration", { command: "sudo -n -u git forgejo" }, {}, "set forge.ssh.forgejoConfig"],
  ["with another configuration", { forgejoConfig: "/srv/app.ini" }, {}, "set forge.ssh.forgejoConfig"],
  ["for an organisation that is not there", {}, { scope: "nope" }, "no such organisation or user"],
  ["for a repository that is not there", {}, { scope: "ecosystem/nope" }, "no such repository"],
])("a command that is run %s is an error that says what to set", async (_what, place, changes, expected) => {
  const { server, engine } = await site();
  await expect(engine.create(type, inputs(server, changes, place))).rejects.toThrow(expected);
});

test("a command with characters of a shell in it is not run, though the state has it", async () => {
  const { server, engine } = await site();
  const created = await engine.create(type, inputs(server));
  const state = raw(created.getProperties()) as ReturnType<typeof inputs>;
  const forgeHost = { ...state.forgeHost, command: "forgejo; touch /tmp/hurt" };
  await expect(engine.delete(type, created.getId(), { ...state, forgeHost })).rejects.toThrow(
    "forgeHost.command: expected words without characters of a shell",
  );
  expect(server.received).toHaveLength(1);
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
  await engine.delete(type, created.getId(), raw(created.getProperties()));
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
  await engine.delete(type, created.getId(), raw(updated.getProperties()));
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
    /on 127.0.0.1: `sudo -n -u git forgejo .* forgejo-cli actions register` did not end with a uuid/,
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
  expect(error.message).toContain("failed with 1: the secret [secret] is too short");
  expect(error.message).not.toContain(server.received[0]?.stdin);
});

test("reading concludes nothing where the forge lists no runners", async () => {
  const { server, engine } = await site();
  const created = await engine.create(type, inputs(server));
  const read = await engine.read(type, created.getId(), raw(created.getProperties()), inputs(server));
  expect(read.getId()).toBe(created.getId());
  expect(raw(read.getProperties())).toEqual(raw(created.getProperties()));
  expect(server.received).toHaveLength(1);
});

test("a state that runs the command as root, as release 0.1 made it, says that an update has to come before the destroy", async () => {
  const { server, engine } = await site();
  const created = await engine.create(type, inputs(server));
  const state = raw(created.getProperties()) as ReturnType<typeof inputs>;
  const old = { ...state, forgeHost: { ...state.forgeHost, command: "forgejo" } };
  await expect(engine.delete(type, created.getId(), old)).rejects.toThrow(
    /Forgejo does not run as root.*then `pulumi up` first/,
  );
});
