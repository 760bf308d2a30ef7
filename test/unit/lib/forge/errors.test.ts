/**
 * The error table: every failure of every call of every dialect says what is missing or what to do next, names the forge
 * and the key, and never the token. And the retry: what is tried again, what is final, and that a user can stop it all.
 */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { api, type ForgeAccess } from "../../../../lib/forge/api.ts";
import { askDialect, dialectOf } from "../../../../lib/forge/dialects.ts";
import { ForgeError, neededScope } from "../../../../lib/forge/errors.ts";
import { runnersPath } from "../../../../lib/forge/scope.ts";
import { parseVersion } from "../../../../lib/forge/version.ts";
import type { Fate, Fault } from "../../../engine/fake-forge.ts";
import { nowhere } from "../../../fixtures/loopback.fixture.ts";
import { fakeForge, hasty, patient, unhurried, versions } from "../../../fixtures/provider-forge.fixture.ts";

const html = { "content-type": "text/html" };
const json = (message: string) => JSON.stringify({ message });

/** What comes in place of the forge's own answer, and what must be said of it. */
const table: [string, Fate, RegExp][] = [
  [
    "401",
    { status: 401, body: json("token is required") },
    /401 \(token is required\).*forge\.token \(expired, revoked/,
  ],
  [
    "403 for a scope",
    { status: 403, body: json("token does not have at least one of required scope(s): [write:admin]") },
    /403 \(.*forge\.token lacks a scope: make a token with the scope (read|write):admin.*pulumi config set --secret forge\.token/,
  ],
  [
    "403 for a rank",
    { status: 403, body: json("user should be the site admin") },
    /403 \(.*this needs a site administrator's token, or a forge\.scope that its user owns/,
  ],
  ["403 without a word", { status: 403 }, /403; forge\.token may not do this: it needs a token with the scope/],
  ["404", { status: 404, body: json("not found") }, /404 \(not found\); there is nothing here: check forge\.url/],
  ["405", { status: 405 }, /405; the forge does not know this method here/],
  ["429", { status: 429 }, /429; .*fewer calls/],
  [
    "500",
    { status: 500, body: json("database is locked") },
    /500 \(database is locked\); the forge itself failed: look at its log/,
  ],
  [
    "502 as a page",
    { status: 502, headers: html, body: "<html><title>502 Bad\n Gateway</title></html>" },
    /502 with an HTML page "502 Bad Gateway"; a proxy answered, the forge behind it is down/,
  ],
  [
    "401 as a page",
    { status: 401, headers: html, body: "<html><title>Sign in</title></html>" },
    /401 with an HTML page "Sign in"; a proxy or a login page answered in the forge's place: check forge\.url/,
  ],
  [
    "200 as a page",
    { status: 200, body: "<!DOCTYPE html><html><head><title>Sign in</title>" },
    /answered with an HTML page "Sign in" instead of JSON; is forge\.url the forge's base URL/,
  ],
  ["200 as text", { status: 200, body: "It works!" }, /something other than JSON; is forge\.url/],
  ["200 with other JSON", { status: 200, body: '{"token":17}' }, /JSON of another shape than this API has.*forge\.url/],
  [
    "a redirect to a login",
    { status: 302, headers: { location: "/login?state=s3cr3t" } },
    /302 redirects to http:\/\/127\.0\.0\.1:\d+\/login; that is no API: check forge\.url/,
  ],
  ["a lost connection", "cut", /cannot reach the forge: .*check forge\.url/],
  ["no answer", "hang", /cannot reach the forge: .*no answer within 0\.2 s; check forge\.url/],
];

/** The calls of each dialect that has them; deleting takes a 404 and any success for done. */
const operations = ["register", "list", "delete"] as const;
const dialects = ["gitea", "forgejo15"] as const;

async function run(access: ForgeAccess, version: string, operation: (typeof operations)[number]): Promise<unknown> {
  const parsed = parseVersion(version);
  const runners = parsed && dialectOf(parsed).runners;
  if (!runners) throw new Error(`${version} has no runners API`);
  const place = runnersPath("");
  if (operation === "delete") return runners.delete(access, place, 7);
  return operation === "list"
    ? runners.list(access, place)
    : runners.register(access, place, { name: "r", owner: "o" });
}

async function refused(work: Promise<unknown>): Promise<ForgeError> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(ForgeError);
  return error as ForgeError;
}

describe.each(dialects.flatMap((dialect) => operations.map((operation) => [dialect, operation] as const)))(
  "%s, %s",
  (dialect, operation) => {
    const shown = table.filter(([what]) => operation !== "delete" || !["404", "200 with other JSON"].includes(what));
    test.each(shown)("%s", async (_what, fate, expected) => {
      const forge = await fakeForge({ version: versions[dialect], fault: () => fate });
      const access = { url: forge.url, token: forge.apiToken, retry: fate === "hang" ? hasty : unhurried };
      const error = await refused(run(access, versions[dialect], operation));
      expect(error.message).toMatch(expected);
      expect(error.message).toContain(forge.url);
      expect(error.fix).toBeTruthy();
      expect(error.message).not.toContain(forge.apiToken);
      expect(error.message).not.toContain("s3cr3t");
    });
  },
);

const notForges: [string, Fate, RegExp][] = [
  ["404", { status: 404 }, /version: 404; there is no forge at this URL: check forge\.url/],
  [
    "something else's JSON",
    { status: 200, body: '{"name":"something else"}' },
    /another shape.*\(at version\); is forge\.url/,
  ],
  ["null", { status: 200, body: "null" }, /another shape.*\(at its top\); is forge\.url/],
  ["a page", { status: 200, body: "<html><title>Router</title></html>" }, /an HTML page "Router" instead of JSON/],
];
test.each(notForges)("what answers the version with %s is no forge", async (_what, fate, expected) => {
  const forge = await fakeForge({ fault: () => fate });
  expect((await refused(askDialect({ url: forge.url, retry: unhurried }))).message).toMatch(expected);
  expect(forge.tokenAtVersion).toBe(false);
});

test("a redirect to the forge's real place says which URL to set", async () => {
  const location = "https://forge.example.org/git/api/v1/version";
  const forge = await fakeForge({ fault: () => ({ status: 301, headers: { location } }) });
  const error = await refused(askDialect({ url: forge.url, retry: unhurried }));
  expect(error.fix).toBe("pulumi config set forge.url https://forge.example.org/git");
});

test("nothing that listens, and TLS where none is spoken, each say which it is", async () => {
  const closed = await nowhere();
  expect((await refused(askDialect({ url: closed, retry: unhurried }))).message).toContain(
    `cannot reach the forge: GET ${closed}/api/v1/version: ECONNREFUSED; nothing listens there`,
  );
  const plain = (await fakeForge()).url.replace("http:", "https:");
  expect((await refused(askDialect({ url: plain, retry: unhurried }))).fix).toContain("no TLS is spoken there");
});

test.each([
  ["", "admin"],
  ["ecosystem", "organization"],
  ["ecosystem/site", "repository"],
])("the scope %j needs a token for %s, to read and to write", async (scope, category) => {
  expect(neededScope("GET", runnersPath(scope))).toBe(`read:${category}`);
  expect(neededScope("POST", runnersPath(scope))).toBe(`write:${category}`);
  const forge = await fakeForge({ version: versions.forgejo15, scopes: ["read:misc"] });
  const access = { url: forge.url, token: forge.apiToken, retry: unhurried };
  const error = await refused(api(access, "GET", runnersPath(scope), z.unknown()));
  expect(error.fix).toContain(`scope read:${category} (registering needs write:${category})`);
});

test.each([
  ["organisation", "ecosystem-2"],
  ["repository", "ecosystem/none"],
])("a missing %s points to forge.scope", async (what, scope) => {
  const forge = await fakeForge({ fault: () => ({ status: 404 }) });
  const error = await refused(api({ url: forge.url, retry: unhurried }, "GET", runnersPath(scope), z.unknown()));
  expect(error.fix).toContain(`the forge has no such ${what}`);
  expect(error.fix).toContain("check forge.scope");
});

describe("tries", () => {
  /** Fails the first calls, and counts all of them. */
  async function flaky(fate: Fate, failures: number) {
    let calls = 0;
    const fault: Fault = () => (++calls <= failures ? fate : { status: 200, body: "{}" });
    const forge = await fakeForge({ fault });
    return { access: { url: forge.url, retry: fate === "hang" ? patient : unhurried }, calls: () => calls };
  }
  const call = (access: ForgeAccess, method: "GET" | "POST" | "DELETE") =>
    api(access, method, "/x", z.object({}), undefined);
  const passing: [string, Fate][] = [
    ["a lost connection", "cut"],
    ["no answer", "hang"],
    ["500", { status: 500 }],
    ["503", { status: 503 }],
    ["429", { status: 429 }],
  ];

  test.each(passing)("%s is tried again by GET and DELETE, up to three times", async (_what, fate) => {
    for (const method of ["GET", "DELETE"] as const) {
      const twice = await flaky(fate, 2);
      await call(twice.access, method);
      expect(twice.calls()).toBe(3);
      const always = await flaky(fate, 9);
      await refused(call(always.access, method));
      expect(always.calls()).toBe(3);
    }
  });

  test.each(passing)("%s is never tried again by POST", async (_what, fate) => {
    const { access, calls } = await flaky(fate, 9);
    await refused(call(access, "POST"));
    expect(calls()).toBe(1);
  });

  test.each([301, 400, 401, 403, 404, 405, 422])("%i is final at once", async (status) => {
    const { access, calls } = await flaky({ status }, 9);
    await refused(call(access, "GET"));
    expect(calls()).toBe(1);
  });

  test("no other try begins once the time for all of them is up", async () => {
    const { access, calls } = await flaky({ status: 500 }, 9);
    await refused(call({ ...access, retry: { ...unhurried, pauseMs: 60_000 } }, "GET"));
    expect(calls()).toBe(1);
  });

  test.each([
    ["in a GET", "GET", "hang"],
    ["in a POST", "POST", "hang"],
    ["between two tries", "GET", { status: 500 }],
  ] as const)("a user who cancels %s ends it with that as the reason", async (_when, method, fate) => {
    const controller = new AbortController();
    const reason = new Error("cancelled by the user");
    let calls = 0;
    const fault: Fault = () => {
      calls++;
      // Long before the answer, or long before the next try.
      setImmediate(() => controller.abort(reason));
      return fate;
    };
    const forge = await fakeForge({ fault });
    const retry = { attemptMs: 60_000, attempts: 3, totalMs: 600_000, pauseMs: 60_000 };
    const access = { url: forge.url, signal: controller.signal, retry };
    await expect(call(access, method)).rejects.toBe(reason);
    expect(calls).toBe(1);
  });
});
