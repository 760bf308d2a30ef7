/**
 * The preflight of a registration over SSH, against forge hosts that answer as real Forgejos were recorded to: it runs the
 * very command line that `up` runs, with a secret that must be refused, and calls nothing good that it did not see.
 *
 * Not proven here: that the forge host is as the recorded ones were.
 */
import { expect, test } from "vitest";
import { type ForgejoPlace, forgejoCommand } from "../../../../lib/forge/forgejo-command.ts";
import { registerCommand } from "../../../../provider/forge/forgejo-cli.ts";
import { type ForgeWanted, forgeChecks } from "../../../../provider/forge/preflight.ts";
import { forgejoAnswer, takenApart } from "../../../fixtures/forgejo-host.fixture.ts";
import { recordedVersions } from "../../../fixtures/forgejo-recordings.fixture.ts";
import { nowhere } from "../../../fixtures/loopback.fixture.ts";
import { fakeForge, unhurried, versions } from "../../../fixtures/provider-forge.fixture.ts";
import { type Answer, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const name = "foundation-runner-02";

type Answering = (command: string, stdin: string, user: string) => Answer;

/** Looks at a forge host that answers like this, with what a stack has configured of it. */
async function looked(answer: Answering, place: Partial<ForgejoPlace> = {}, changes: Partial<ForgeWanted> = {}) {
  operatorHome();
  const server = await sshHost({ answer });
  const forge = await fakeForge({ version: versions.forgejo11 });
  const user = place.user ?? "root";
  const command = forgejoCommand({ user, ...place });
  const forgeHost = { host: server.host, port: server.port, user, stack: "runners/crunchy", command };
  const owner = "home.runners.crunchy";
  const wanted = { forgeUrl: forge.url, scope: "", name, owner, retry: unhurried, forgeHost, ...changes };
  const found = await forgeChecks(wanted);
  for (const { status, fix } of found) expect(status === "failed").toBe(fix !== undefined);
  const [command_, scope] = found.slice(-3);
  const sent = server.received.map(({ command }) => command);
  return { found, statuses: found.slice(-3).map(({ status }) => status), command: command_, scope, sent, forgeHost };
}

test.each(recordedVersions)(
  "a plain install of Forgejo %s: the very command of the registration, and no row",
  async (version) => {
    const made: string[] = [];
    const answer: Answering = (...asked) => {
      const output = forgejoAnswer(version)(...asked);
      if (typeof output === "object" && !output.code) made.push(asked[0]);
      return output;
    };
    const { statuses, sent, forgeHost, command } = await looked(answer, {}, { scope: "ecosystem" });
    expect(statuses).toEqual(["ok", "ok", "skipped"]);
    expect(sent[0]).toBe(registerCommand(forgeHost, { name, scope: "ecosystem" }));
    expect(command?.found).toContain("went as far as to look at the secret, and made nothing");
    expect(made).toEqual([]);
  },
);

test.each<[string, Partial<ForgeWanted>, string, RegExp]>([
  ["the whole instance", {}, "ok", /database answers/],
  ["an organisation", { scope: "ecosystem" }, "ok", /the forge has ecosystem$/],
  [
    "a repository, which only registering tells",
    { scope: "ecosystem/app" },
    "skipped",
    /has app only registering tells/,
  ],
  ["an organisation that is not there", { scope: "nope" }, "failed", /no such organisation or user/],
  ["a repository of an owner who is not there", { scope: "nope/app" }, "failed", /no such organisation or user/],
])("the scope: %s", async (_what, changes, status, found) => {
  const { scope } = await looked(forgejoAnswer(), {}, changes);
  expect(scope).toMatchObject({ status, found: expect.stringMatching(found) });
});

const container = "docker exec -u git forgejo forgejo";

test.each<[string, Partial<ForgejoPlace>, Answering, RegExp, string]>([
  ["run as root", { command: "forgejo" }, forgejoAnswer(), /does not run as root/, "forge.ssh.forgejoUser"],
  [
    "without a configuration",
    { user: "git", command: "forgejo" },
    forgejoAnswer(),
    /configuration is not there/,
    "forge.ssh.forgejoConfig",
  ],
  [
    "whose docker keeps standard input",
    { command: container },
    (line) => forgejoAnswer()(line, "", "root"),
    /standard input does not reach/,
    "-i",
  ],
  [
    "that adds a line end",
    {},
    (line, stdin, user) => forgejoAnswer()(line, `${stdin}\n`, user),
    /not reach Forgejo as it was sent/,
    "unchanged",
  ],
  [
    "that is not there",
    {},
    () => ({ code: 1, stderr: "sudo: forgejo: command not found\n" }),
    /no such program/,
    "forge.ssh.command",
  ],
  [
    "of a user who is not there",
    {},
    () => ({ code: 1, stderr: "sudo: unknown user git\nsudo: error initializing audit plugin\n" }),
    /no such user/,
    "forge.ssh.forgejoUser",
  ],
  [
    "that sudo refuses",
    { user: "ops" },
    () => ({ code: 1, stderr: "sudo: a password is required\n" }),
    /sudo does not let/,
    "forge.ssh.user",
  ],
  [
    "without sudo",
    {},
    () => ({ code: 127, stderr: "bash: line 1: sudo: command not found\n" }),
    /no sudo/,
    "forge.ssh.user git",
  ],
  [
    "that only knows its help",
    {},
    () => ({ stdout: "OPTIONS:\n   --secret-stdin\n" }),
    /accepted a secret/,
    "forge.ssh.command",
  ],
  [
    "that says something else",
    {},
    () => ({ code: 3, stderr: "no idea\n" }),
    /failed with 3: no idea/,
    "forge.ssh.command",
  ],
])(
  "a command %s is failed, with the key to set, and the scope is not called good",
  async (_what, place, answer, found, key) => {
    const { command, scope } = await looked(answer, place);
    expect(command).toMatchObject({ status: "failed", found: expect.stringMatching(found) });
    expect(command?.fix).toContain(key);
    expect(scope?.status).toBe("skipped");
  },
);

test("the user of the command is the forge's, whoever logs in", async () => {
  for (const user of ["root", "ops", "git"]) {
    const { sent } = await looked(forgejoAnswer(), { user });
    expect(sent.map((line) => takenApart(line, user).user)).toEqual(["git", "git"]);
  }
});

test("a forge that this machine does not reach holds nothing up: only the VM must reach it", async () => {
  const { found, statuses } = await looked(forgejoAnswer(), {}, { forgeUrl: await nowhere() });
  expect(statuses).toEqual(["ok", "ok", "skipped"]);
  expect(found[0]).toMatchObject({ status: "skipped", found: expect.stringContaining("not needed from here") });
});

test("a forge host that is not reached is failed", async () => {
  operatorHome();
  const server = await sshHost();
  await server.stop();
  const forgeHost = {
    host: server.host,
    port: server.port,
    user: "root",
    stack: "runners/crunchy",
    command: "forgejo",
  };
  const found = await forgeChecks({
    forgeUrl: await nowhere(),
    scope: "",
    name,
    owner: "home.runners.crunchy",
    forgeHost,
    retry: unhurried,
  });
  expect(found.slice(-3)).toMatchObject([
    { status: "failed", found: expect.stringMatching(/cannot reach root@127\.0\.0\.1/) },
    { status: "skipped" },
    { status: "skipped" },
  ]);
});
