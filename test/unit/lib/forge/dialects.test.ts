/**
 * Each dialect's contract, against a forge that answers in its recorded shapes: choosing by version, registering, listing,
 * deleting, and one row as the outcome of every registration, whatever happened to the POST.
 *
 * Not proven here: that a real Forgejo gives these shapes (docs/proof.md); a real Gitea is met in the lab ring.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dialectOf } from "../../../../lib/forge/dialects.ts";
import { runnerDescription } from "../../../../lib/forge/forgejo.ts";
import { pendingLabel } from "../../../../lib/forge/gitea.ts";
import { locateRunners } from "../../../../lib/forge/scope.ts";
import { parseVersion } from "../../../../lib/forge/version.ts";
import { registerOverApi } from "../../../../provider/forge/register.ts";
import type { FakeForge, Fate, Fault, ForgeOptions } from "../../../engine/fake-forge.ts";
import type { Row } from "../../../engine/fake-forge-rows.ts";
import { fakeForge, patient, row, versions } from "../../../fixtures/provider-forge.fixture.ts";

const owner = "home.runners.crunchy";
const name = "foundation-runner-02";
const both = ["gitea", "forgejo15"] as const;

/** A forge, and how to speak to it. */
async function site(options: ForgeOptions) {
  const forge = await fakeForge(options);
  const output: string[] = [];
  const access = { url: forge.url, token: forge.apiToken, retry: patient };
  const register = (scope = "") =>
    registerOverApi(access, { name, scope, owner }, (severity, text) => output.push(`${severity}: ${text}`));
  return { forge, access, output, register };
}

function runnersOf(version: string) {
  const parsed = parseVersion(version);
  const runners = parsed && dialectOf(parsed).runners;
  if (!runners) throw new Error(`${version} has no runners API`);
  return runners;
}

/** A row as an earlier run of ours left it, or of another owner. */
function halfMade(which: (typeof both)[number], mark = owner): Row {
  return which === "gitea"
    ? row({ labels: [pendingLabel(mark)] })
    : row({ labels: [], version: "", description: runnerDescription(mark) });
}

describe("choosing", () => {
  test.each([
    ["1.26.0", "Gitea 1.24 or later"],
    ["1.27.0+dev-31-g0123456789", "Gitea 1.24 or later"],
    ["1.23.8", "Gitea before 1.24"],
    ["7.0.8+gitea-1.21.11", "Forgejo 10 or before"],
    ["10.0.3+gitea-1.22.0", "Forgejo 10 or before"],
    ["11.0.1+gitea-1.22.0", "Forgejo 11 to 14"],
    ["14.0.2+gitea-1.22.0", "Forgejo 11 to 14"],
    ["15.0.0-dev-12-0123abc+gitea-1.22.0", "Forgejo 15 or later"],
    ["16.1.0+gitea-1.22.0", "Forgejo 15 or later"],
  ])("%s is spoken to as %s", (version, dialect) => {
    const parsed = parseVersion(version);
    expect(parsed && dialectOf(parsed).name).toBe(dialect);
  });

  test.each(["development", "", "3.0.0", "v1.26.0", "1.26", "15", "17.4.2-ee"])(
    "%j is the version of no forge that is known",
    async (version) => {
      expect(parseVersion(version)).toBeUndefined();
      const { register } = await site({ version });
      await expect(register()).rejects.toThrow(`its version is ${JSON.stringify(version)}, which is neither`);
    },
  );

  test("of any Forgejo the runners API is used exactly from 15 on, and never Gitea's", () => {
    const number = fc.integer({ min: 0, max: 60 });
    fc.assert(
      fc.property(number, number, number, (major, minor, patch) => {
        fc.pre(major > 0);
        const parsed = parseVersion(`${major}.${minor}.${patch}+gitea-1.22.0`);
        const dialect = parsed && dialectOf(parsed);
        expect(dialect?.name).toContain("Forgejo");
        expect(dialect?.runners !== undefined).toBe(major >= 15);
      }),
    );
  });

  test("a forge that is closed to visitors is asked with the token, any other without it", async () => {
    const closed: Fault = ({ path, authorization }) =>
      path === "/api/v1/version" && authorization === "" ? { status: 403, body: "{}" } : undefined;
    const [open, shut] = [await site({}), await site({ fault: closed })];
    await Promise.all([open.register(), shut.register()]);
    expect([open.forge.tokenAtVersion, shut.forge.tokenAtVersion]).toEqual([false, true]);
  });
});

describe("places", () => {
  test.each([
    ["", "/admin/actions/runners"],
    ["ecosystem", "/orgs/ecosystem/actions/runners"],
    ["ecosystem/site", "/repos/ecosystem/site/actions/runners"],
    ["Operator", "/user/actions/runners"],
  ])("the runners of the scope %j are at %s", async (scope, place) => {
    expect(await locateRunners((await site({})).access, scope)).toBe(place);
  });

  test("a token that is good for its user alone finds that user's runners", async () => {
    const { access } = await site({ scopes: ["write:user"] });
    expect(await locateRunners(access, "operator")).toBe("/user/actions/runners");
  });

  test("a scope that is neither an organisation nor the token's user is refused with what the forge said of it", async () => {
    const { access } = await site({});
    await expect(locateRunners(access, "nobody")).rejects.toThrow(/orgs\/nobody: 404.*check forge\.scope/);
  });
});

describe.each(both)("%s", (which) => {
  const version = versions[which];

  test.each([
    ["", [0, 0]],
    ["ecosystem", [3, 0]],
    ["ecosystem/site", [0, 9]],
    ["operator", [1, 0]],
  ] as const)(
    "registers in the scope %j, lists it as half-made and ours, and deletes it",
    async (scope, [ownerId, repoId]) => {
      const { forge, access, register } = await site({ version });
      const made = await register(scope);
      expect(forge.rows).toMatchObject([
        { name, uuid: made.uuid, token: made.token, id: made.runnerId, ownerId, repoId },
      ]);
      const runners = runnersOf(version);
      const place = await locateRunners(access, scope);
      expect(await runners.list(access, place)).toMatchObject([{ id: made.runnerId, name, owner, pending: true }]);
      await runners.delete(access, place, made.runnerId);
      await runners.delete(access, place, made.runnerId);
      expect(forge.rows).toEqual([]);
    },
  );

  test.each([50, 20])("lists every page of a forge that gives %i rows a page", async (pageRows) => {
    const many = Array.from({ length: 117 }, (_, index) => row({ id: index + 1, name: `runner-${index}` }));
    const { access } = await site({ version, rows: many, pageRows });
    const listed = await runnersOf(version).list(access, "/admin/actions/runners");
    expect(listed.map(({ id }) => id).sort((a, b) => a - b)).toEqual(many.map(({ id }) => id));
  });

  test("lists every row once, though runners poll meanwhile and rows move between pages", async () => {
    const rows = Array.from({ length: 7 }, (_, index) => row({ id: index + 1, lastOnline: index + 1 }));
    let clock = 100;
    // Whoever was last comes first on the next page.
    const afterList = (all: Row[]) => {
      const last = [...all].sort((one, other) => (one.lastOnline ?? 0) - (other.lastOnline ?? 0))[0];
      if (last && clock < 112) last.lastOnline = ++clock;
    };
    const { access } = await site({ version, rows, pageRows: 2, allAtOnce: false, afterList });
    const listed = await runnersOf(version).list(access, "/admin/actions/runners");
    expect(listed.map(({ id }) => id).sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test("says of a list that never holds still that it is not complete", async () => {
    // Of six rows one is never on the page that is asked for; every other page is behind the end.
    const five = Array.from({ length: 5 }, (_, index) => row({ id: index + 1 }));
    let asked = 0;
    const fault: Fault = () => {
      const body = JSON.stringify(shapes(which, asked++ % 2 ? [] : five));
      return { status: 200, body, headers: { "x-total-count": "6" } };
    };
    const { access } = await site({ version, fault });
    const list = runnersOf(version).list(access, "/admin/actions/runners");
    await expect(list).rejects.toThrow("changes faster than it can be read: 5 of 6 seen");
  });

  test("a row's number that the forge does not have is none; what something else answers concludes nothing", async () => {
    const { access } = await site({ version, rows: [row()] });
    const runners = runnersOf(version);
    expect(await runners.get(access, "/admin/actions/runners", 90)).toMatchObject({ id: 90, name });
    expect(await runners.get(access, "/admin/actions/runners", 91)).toBeUndefined();
  });

  const noAnswers: [string, Fate][] = [
    ["text", { status: 404, body: "404 page not found\n", headers: { "content-type": "text/plain; charset=utf-8" } }],
    ["a page", { status: 404, body: "<html><title>404 Not Found</title></html>" }],
    ["nothing", { status: 404 }],
    ["JSON for the scope", { status: 404, body: '{"message":"GetOrgByName","errors":[]}' }],
    ["JSON for a repository", { status: 404, body: '{"message":"The target couldn\'t be found.","errors":[]}' }],
    ["JSON for a lacking right", { status: 404, body: '{"message":"No permission to delete this runner"}' }],
  ];
  test.each(noAnswers)("a 404 with %s says neither that a row is gone nor that it was removed", async (_what, fate) => {
    const { access } = await site({ version, rows: [row()], fault: () => fate });
    const runners = runnersOf(version);
    await expect(runners.get(access, "/admin/actions/runners", 90)).rejects.toThrow("404");
    await expect(runners.delete(access, "/admin/actions/runners", 90)).rejects.toThrow("404");
  });

  test("lists an empty forge as empty", async () => {
    const { access } = await site({ version });
    expect(await runnersOf(version).list(access, "/admin/actions/runners")).toEqual([]);
  });

  test("a runner in use is no longer half-made", async () => {
    const { access, forge, register } = await site({ version });
    const made = await register();
    await declare(forge, made, ["fenced"]);
    const [listed] = await runnersOf(version).list(access, "/admin/actions/runners");
    expect(listed?.pending).toBe(false);
  });

  test("what an earlier run left half-made is removed, and a row is made whose token is known", async () => {
    const { forge, register } = await site({ version, rows: [halfMade(which)] });
    const made = await register();
    expect(forge.rows.map(({ id }) => id)).toEqual([made.runnerId]);
  });

  test.each([
    ["in use", () => row()],
    ["half-made by another stack", () => halfMade(which, "home.runners.brix02")],
    ["half-made by this stack under another site", () => halfMade(which, "casa.runners.crunchy")],
  ])("a namesake %s is refused and stays", async (_whose, make) => {
    const { forge, register } = await site({ version, rows: [make()] });
    await expect(register()).rejects.toThrow(`a runner named ${name} (number 90) is already registered`);
    expect(forge.rows.map(({ id }) => id)).toEqual([90]);
  });

  const post: Fault = ({ method, path }) => (method === "POST" && makesARow(which, path) ? "cut" : undefined);
  const fates: [string, Fate][] = [
    ["the connection is cut", "cut"],
    ["no answer comes", "hang"],
    ["the forge fails", { status: 500, body: '{"message":"database is locked"}' }],
    ["a proxy gives up", { status: 504, body: "<html><title>Gateway Time-out</title></html>" }],
    ["the answer is cut short", { status: 201, body: '{"id":1,"uu' }],
  ];
  describe.each(fates)("when %s at the POST that makes a row", (_what, fate) => {
    test.each([true, false])("and the row was made (%s), one row is left, and its token is known", async (wasMade) => {
      let posts = 0;
      const fault: Fault = (request) => {
        if (post(request) === undefined || posts++ > 0) return undefined;
        return wasMade ? { done: fate } : fate;
      };
      const { forge, output, register } = await site({ version, fault });
      const made = await register();
      expect(forge.rows).toMatchObject([{ id: made.runnerId, token: made.token }]);
      expect(output.join()).toContain("is not known, so the forge's list is asked");
      expect(posts).toBe(2);
    });

    test("every time, it ends after the second with nothing left", async () => {
      let posts = 0;
      const fault: Fault = (request) => {
        if (post(request) === undefined) return undefined;
        posts++;
        return { done: fate };
      };
      const { forge, register } = await site({ version, fault });
      await expect(register()).rejects.toThrow(/POST /);
      expect(forge.rows).toEqual([]);
      expect(posts).toBe(2);
    });
  });

  test("when the list cannot be had afterwards, there is no second POST, and the error says that nothing is known", async () => {
    let lost = false;
    const fault: Fault = (request) => {
      if (lost) return { status: 502 };
      lost = post(request) !== undefined;
      return lost ? { done: "cut" } : undefined;
    };
    const { forge, register } = await site({ version, fault });
    await expect(register()).rejects.toThrow(/Whether foundation-runner-02 was registered is not known.*pulumi up/);
    expect(forge.rows).toHaveLength(1);
    expect(forge.requests.filter((request) => request.startsWith("POST") && makesARow(which, request))).toHaveLength(1);
  });

  test.each([400, 401, 403, 404, 405, 422])("a POST that is answered with %i is final", async (status) => {
    let posts = 0;
    const fault: Fault = (request) => {
      if (post(request) === undefined) return undefined;
      posts++;
      return { status, body: '{"message":"no"}' };
    };
    const { register } = await site({ version, fault });
    await expect(register()).rejects.toThrow(`: ${status} (no)`);
    expect(posts).toBe(1);
  });
});

describe("Forgejo 15", () => {
  const version = versions.forgejo15;

  test("a row of this very stack that is in use is not taken away from the daemon that uses it", async () => {
    const mine = row({ description: runnerDescription(owner) });
    const { forge, register } = await site({ version, rows: [mine] });
    await expect(register()).rejects.toThrow(/by this very stack.*pulumi import/);
    expect(forge.rows).toEqual([mine]);
  });

  test.each([
    ["nothing", [], "", true],
    ["labels", ["fenced"], "", false],
    ["a version, and no labels", [], "12.0.0", false],
  ])("a row of ours whose daemon has declared %s", async (_what, labels, daemon, halfMade) => {
    const mine = row({ labels, version: daemon, description: runnerDescription(owner) });
    const { access } = await site({ version, rows: [mine] });
    const listed = await runnersOf(version).list(access, "/admin/actions/runners");
    expect(listed).toMatchObject([{ owner, pending: halfMade }]);
  });

  test("a user's own runner of the same name does not keep the whole forge's from being registered", async () => {
    const { forge, register } = await site({ version, rows: [row({ ownerId: 17 })] });
    await register();
    expect(forge.rows).toHaveLength(2);
  });

  test("a late row of a POST whose answer was lost is removed when the second one is done", async () => {
    let posts = 0;
    const late: Row[] = [];
    const fault: Fault = (request) => {
      if (request.method !== "POST") return undefined;
      if (posts++ === 0) return "cut";
      late.push(row({ id: 89, labels: [], version: "", description: runnerDescription(owner) }));
      forge.rows.push(...late);
      return undefined;
    };
    const { forge, register } = await site({ version, fault });
    const made = await register();
    expect(late).toHaveLength(1);
    expect(forge.rows.map(({ id }) => id)).toEqual([made.runnerId]);
  });
});

/** An answer of a list that has these rows, of six. */
function shapes(which: (typeof both)[number], rows: Row[]): unknown {
  if (which === "gitea")
    return { runners: rows.map(({ id, name }) => ({ id, name, status: "online" })), total_count: 6 };
  const more = { owner_id: 0, repo_id: 0, status: "idle", version: "12", description: "", ephemeral: false };
  return rows.map(({ id, uuid, name, labels }) => ({ id, uuid, name, labels, ...more }));
}

function makesARow(which: (typeof both)[number], path: string): boolean {
  return path.endsWith(which === "gitea" ? "RunnerService/Register" : "/admin/actions/runners");
}

/** What a daemon does when it starts. */
async function declare(forge: FakeForge & { url: string }, runner: { uuid: string; token: string }, labels: string[]) {
  const answer = await fetch(`${forge.url}/api/actions/runner.v1.RunnerService/Declare`, {
    method: "POST",
    headers: { "x-runner-uuid": runner.uuid, "x-runner-token": runner.token },
    body: JSON.stringify({ version: "12.0.0", labels }),
  });
  expect(answer.status).toBe(200);
}
