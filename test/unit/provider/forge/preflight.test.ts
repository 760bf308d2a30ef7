/**
 * The preflight of the forge: what it finds in each dialect, that it only reads, that a name is refused only where it can be
 * told to be a stranger's, and that it never says the token.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runnerDescription } from "../../../../lib/forge/forgejo.ts";
import { pendingLabel } from "../../../../lib/forge/gitea.ts";
import type { Check } from "../../../../lib/preflight/check.ts";
import { type ForgeWanted, forgeChecks } from "../../../../provider/forge/preflight.ts";
import type { ForgeOptions } from "../../../engine/fake-forge.ts";
import type { Row } from "../../../engine/fake-forge-rows.ts";
import { nowhere } from "../../../fixtures/loopback.fixture.ts";
import { fakeForge, row, unhurried, versions } from "../../../fixtures/provider-forge.fixture.ts";

const owner = "home.runners.crunchy";
const name = "foundation-runner-02";

async function checks(options: ForgeOptions, changes: Partial<ForgeWanted> = {}) {
  const forge = await fakeForge(options);
  const wanted = { forgeUrl: forge.url, scope: "", name, owner, token: forge.apiToken, retry: unhurried, ...changes };
  const found = await forgeChecks(wanted);
  // The runner protocol has no other verb; this one changes nothing.
  expect(forge.requests.filter((request) => !/^GET |PingService\/Ping$/.test(request))).toEqual([]);
  expect(JSON.stringify(found)).not.toContain(forge.apiToken);
  for (const { status, fix } of found) expect(status === "failed").toBe(fix !== undefined);
  return { forge, found, statuses: found.map(({ status }) => status) };
}

const last = (found: Check[]) => found.at(-1) ?? { what: "", status: "skipped" };

test.each([
  ["gitea", "Gitea 1.26.0, spoken to as Gitea 1.24 or later", "write:admin"],
  ["forgejo15", "Forgejo 15.0.1+gitea-1.22.0, spoken to as Forgejo 15 or later", "write:admin"],
] as const)("a %s that is ready: good checks, and what only writing would tell", async (which, version, scope) => {
  const { found, statuses } = await checks({ version: versions[which] });
  expect(statuses).toEqual(["ok", "ok", "ok", "ok"]);
  expect(found[0]?.found).toBe(version);
  expect(found[2]?.found).toContain(`whether it may also make and delete them (${scope}) only doing so tells`);
});

test.each([versions.forgejo7, versions.forgejo11, "1.23.4"])(
  "a token for %s is refused, with what to set",
  async (version) => {
    const { found, statuses } = await checks({ version });
    expect(statuses).toEqual(["ok", "ok", "failed", "skipped"]);
    expect(found[2]?.fix).toMatch(version.startsWith("1.") ? /upgrade the forge/ : /pulumi config rm forge\.token/);
  },
);

test("a forge that is not there, or of no known product, is failed, and nothing else is called good", async () => {
  const gone = await checks({}, { forgeUrl: await nowhere() });
  const strange = await checks({ version: "development" });
  expect([gone.statuses, strange.statuses]).toEqual(Array(2).fill(["failed", "skipped", "skipped", "skipped"]));
  expect(gone.found[0]?.fix).toContain("forge.url");
});

test("a token that is not accepted, lacks the scope, or is not there", async () => {
  const bad = await checks({}, { token: "another" });
  const poor = await checks({ scopes: ["write:user"] });
  const none = await checks({}, { token: undefined });
  expect([bad.statuses, poor.statuses, none.statuses]).toEqual(Array(3).fill(["ok", "ok", "failed", "skipped"]));
  expect(bad.found[2]?.fix).toContain("pulumi config set --secret forge.token");
  expect(poor.found[2]?.fix).toContain("scope read:admin (registering needs write:admin)");
  expect(none.found[2]?.fix).toContain("or set forge.ssh.*");
});

describe("Actions that are disabled on the forge", () => {
  const scopes = ["", "ecosystem", "ecosystem/app", "operator"];
  test.each(scopes)("are failed in the scope %j, and neither the scope nor the token is blamed", async (scope) => {
    const { found } = await checks({ version: versions.forgejo15, actions: false }, { scope });
    const failed = found.filter(({ status }) => status === "failed");
    expect(failed[0]?.fix).toContain("ENABLED = true in the section [actions]");
    expect(JSON.stringify(failed)).not.toContain("forge.scope");
  });

  test("are not called enabled where something else answers in the forge's place", async () => {
    const fault: ForgeOptions["fault"] = ({ path }) =>
      path.startsWith("/api/actions/") ? { status: 404, body: "<html><title>Not Found</title></html>" } : undefined;
    const { statuses, found } = await checks({ fault });
    expect(statuses).toEqual(["ok", "skipped", "ok", "ok"]);
    expect(found[1]?.found).toContain("404 with an HTML page");
  });
});

test.each([versions.gitea, "15.0.3+gitea-1.22.0", "16.0.0+gitea-1.22.0"])(
  "%s repeats a token that it refuses, and we do not",
  async (version) => {
    const token = "planted-wrong-token-89abcdef0123456789abcdef";
    const { found } = await checks({ version }, { token });
    expect(found[2]).toMatchObject({ status: "failed", found: expect.stringContaining("401") });
    for (let at = 0; at + 8 <= token.length; at++) expect(JSON.stringify(found)).not.toContain(token.slice(at, at + 8));
  },
);

test("a forge that is closed to strangers is known by its token", async () => {
  const { statuses } = await checks({ version: versions.forgejo15, closed: true });
  expect(statuses).toEqual(["ok", "ok", "ok", "ok"]);
});

describe("the name", () => {
  const other = "home.runners.brix02";
  const marked = (mark: string, changes: Partial<Row> = {}) =>
    row({ description: runnerDescription(mark), ...changes });
  const forgejo = versions.forgejo15;
  const uuid = row().uuid;
  test.each<[string, ForgeOptions, Partial<ForgeWanted>, Check["status"], RegExp]>([
    ["is free", { version: forgejo, rows: [row({ name: "else" })] }, {}, "ok", /no runner of that name/],
    ["is of another stack", { version: forgejo, rows: [marked(other)] }, {}, "failed", /is of home\.runners\.brix02/],
    ["is ours by its mark", { version: forgejo, rows: [marked(owner)] }, {}, "ok", /this stack's own, by its mark/],
    [
      "is ours under the site's old id",
      { version: forgejo, rows: [marked("casa.runners.crunchy")] },
      {},
      "ok",
      /this stack's own/,
    ],
    [
      "is ours by its uuid, after an import",
      { version: forgejo, rows: [row()] },
      { registeredUuid: uuid },
      "ok",
      /own registration is there/,
    ],
    [
      "is ours by its uuid, after the stack was renamed",
      { version: forgejo, rows: [marked(other)] },
      { registeredUuid: uuid },
      "ok",
      /own registration/,
    ],
    [
      "is not marked, and the state is not known",
      { version: forgejo, rows: [row()] },
      {},
      "ok",
      /cannot be told from here/,
    ],
    [
      "is not marked, and the state has none",
      { version: forgejo, rows: [row()] },
      { registeredUuid: null },
      "failed",
      /is not this stack's/,
    ],
    [
      "is not what the state has",
      { version: forgejo, rows: [row()] },
      { registeredUuid: "another" },
      "failed",
      /is not this stack's/,
    ],
    [
      "is ours, and the state does not know it",
      { version: forgejo, rows: [marked(owner)] },
      { registeredUuid: null },
      "failed",
      /not what its state knows/,
    ],
    [
      "is a half-made one of ours",
      { version: forgejo, rows: [marked(owner, { labels: [], version: "" })] },
      { registeredUuid: null },
      "ok",
      /half-made by this stack/,
    ],
    [
      "is somebody's own, in another scope",
      { version: forgejo, rows: [row({ ownerId: 17 })] },
      { registeredUuid: null },
      "ok",
      /no runner of that name/,
    ],
    ["is listed by a Gitea, after its daemon declared", { rows: [row()] }, {}, "ok", /cannot be told from here/],
    [
      "is listed by a Gitea, and the state has one",
      { rows: [row()] },
      { registeredUuid: uuid },
      "ok",
      /cannot be told from here/,
    ],
    [
      "is listed by a Gitea, and the state has none",
      { rows: [row()] },
      { registeredUuid: null },
      "failed",
      /is not this stack's/,
    ],
    [
      "is a half-made one of ours on a Gitea",
      { rows: [row({ labels: [pendingLabel(owner)] })] },
      {},
      "ok",
      /half-made by this stack/,
    ],
    [
      "is another stack's half-made one on a Gitea",
      { rows: [row({ labels: [pendingLabel(other)] })] },
      {},
      "failed",
      /is of home\.runners\.brix02/,
    ],
    [
      "is listed twice, one of them another stack's",
      { version: forgejo, rows: [row(), marked(other, { id: 91 })] },
      {},
      "failed",
      /number 91/,
    ],
  ])("%s", async (_what, options, changes, status, expected) => {
    const check = last((await checks(options, changes)).found);
    expect(check.status).toBe(status);
    expect(check.found).toMatch(expected);
  });

  test("what the state has and the forge lists is never refused, whatever the row's mark and use", async () => {
    const mark = fc.constantFrom("", runnerDescription(owner), runnerDescription(other), "by hand");
    const rows = fc.record({
      description: mark,
      labels: fc.constantFrom<string[]>([], ["fenced"]),
      version: fc.constantFrom("", "12"),
    });
    await fc.assert(
      fc.asyncProperty(rows, async (changes) => {
        const { found } = await checks({ version: forgejo, rows: [row(changes)] }, { registeredUuid: uuid });
        expect(last(found).status).toBe("ok");
      }),
      { numRuns: 20 },
    );
  });
});

test("a cancelled look is no finding", async () => {
  const controller = new AbortController();
  const fault = () => {
    controller.abort(new Error("cancelled by the user"));
    return "hang" as const;
  };
  const forge = await fakeForge({ fault });
  const wanted = { forgeUrl: forge.url, scope: "", name, owner, token: forge.apiToken, signal: controller.signal };
  await expect(forgeChecks(wanted)).rejects.toThrow("cancelled by the user");
});
