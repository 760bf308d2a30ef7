/**
 * Our requests to the API of a Forgejo, and what we make of its answers, against recorded ones of each version; and the
 * fake forge of these rings against the same. What we send and no recording has is listed here.
 */
import { describe, expect, test } from "vitest";
import { actionsEnabled } from "../../../../lib/forge/actions.ts";
import type { ListedRunner } from "../../../../lib/forge/dialect.ts";
import { askDialect, dialectOf } from "../../../../lib/forge/dialects.ts";
import { ForgeError } from "../../../../lib/forge/errors.ts";
import { forgejoRunners } from "../../../../lib/forge/forgejo.ts";
import { locateRunners } from "../../../../lib/forge/scope.ts";
import { parseVersion } from "../../../../lib/forge/version.ts";
import { registerOverApi } from "../../../../provider/forge/register.ts";
import type { Fault, Seen } from "../../../engine/fake-forge.ts";
import { type RecordedCall, recordedCalls, recordedVersions } from "../../../fixtures/forgejo-recordings.fixture.ts";
import { fakeForge, row, unhurried } from "../../../fixtures/provider-forge.fixture.ts";

const withRunners = ["15.0.3", "16.0.0-dev"] as const;
const versionText = (version: string) => `${version}+gitea-1.22.0`;

/** What we send that nobody recorded: whose a scope of one name is, and pages, which only a later forge may need. */
const notRecorded = ["GET /api/v1/orgs/{}", "GET /api/v1/user", "GET /api/v1/admin/actions/runners?limit&page&visible"];

/** A request without what differs from one to the next: names, numbers, values. */
function shapeOf(method: string, path: string): string {
  const [where = "", query = ""] = path.split("?");
  const names = [...new URLSearchParams(query).keys()].sort().join("&");
  const shape = where
    .replace(/\/orgs\/[^/]+/, "/orgs/{}")
    .replace(/\/repos\/[^/]+\/[^/]+/, "/repos/{}/{}")
    .replace(/\/runners\/[^/]+$/, "/runners/{}");
  return `${method} ${shape}${names ? `?${names}` : ""}`;
}

const fields = (body: string | null) => Object.keys(body ? (JSON.parse(body) as object) : {});

test.each(withRunners)(
  "every request to Forgejo %s is one that was recorded, with fields that it took",
  async (version) => {
    const sent: Seen[] = [];
    const fault: Fault = (request) => {
      sent.push(request);
      return undefined;
    };
    const scopes = ["", "ecosystem", "ecosystem/app", "operator"];
    for (const allAtOnce of [true, false]) {
      const many = Array.from({ length: 4 }, (_, index) => row({ id: 50 + index, name: `r${index}` }));
      const forge = await fakeForge({ version: versionText(version), fault, rows: many, pageRows: 3, allAtOnce });
      const access = { url: forge.url, token: forge.apiToken, retry: unhurried };
      for (const scope of allAtOnce ? scopes : [""]) {
        const made = await registerOverApi(access, { name: "fenced", scope, owner: "o" }, () => {});
        const place = await locateRunners(access, scope);
        expect(await forgejoRunners.get(access, place, made.runnerId)).toMatchObject({ uuid: made.uuid });
        await forgejoRunners.delete(access, place, made.runnerId);
      }
      await actionsEnabled(access);
    }
    const recorded = Object.values(recordedCalls(version)).filter(({ response }) => response.status < 300);
    const seen = new Set(recorded.map(({ request }) => shapeOf(request.method, request.path)));
    const ours = new Set(sent.map(({ method, path, query }) => shapeOf(method, query ? `${path}?${query}` : path)));
    expect([...ours].filter((shape) => !seen.has(shape)).sort()).toEqual([...notRecorded].sort());
    const asJson = recorded.filter(({ request }) => request.headers["Content-Type"] === "application/json");
    const taken = new Set(asJson.flatMap(({ request }) => fields(request.body)));
    for (const { body } of sent) expect([...taken]).toEqual(expect.arrayContaining(fields(body || null)));
  },
);

/** One of our calls, by the recorded request that it is. */
type Ours = (access: { url: string; token?: string }) => Promise<unknown>;

function ourCall({ request, response }: RecordedCall): Ours | undefined {
  const { method, path } = request;
  // One page of several: the list asks for the others, which nobody recorded as one.
  const total = response.headers["x-total-count"];
  if (total !== undefined && JSON.parse(response.body).length < Number(total)) return undefined;
  if (path === "/api/v1/version" && method === "GET")
    return (access) => askDialect(access).then(({ version }) => version);
  if (path.endsWith("PingService/Ping")) return (access) => actionsEnabled(access);
  const match = /^\/api\/v1(\/.*\/actions\/runners|\/user\/actions\/runners)(?:\/(\d+))?(?:\?.*)?$/.exec(path);
  if (!match) return undefined;
  const [, place = "", id] = match;
  if (id !== undefined && method === "GET") return (access) => forgejoRunners.get(access, place, Number(id));
  if (id !== undefined && method === "DELETE") return (access) => forgejoRunners.delete(access, place, Number(id));
  if (id === undefined && method === "GET") return (access) => forgejoRunners.list(access, place);
  const json = request.headers["Content-Type"] === "application/json";
  if (id === undefined && method === "POST" && json) {
    return (access) => forgejoRunners.register(access, place, { name: "fenced", owner: "o" });
  }
  return undefined;
}

describe.each(recordedVersions)("the answers of Forgejo %s", (version) => {
  const calls = Object.entries(recordedCalls(version)).flatMap(([name, call]) => {
    const run = ourCall(call);
    return run ? [{ name, call, run }] : [];
  });

  test(`are read: what is there, what is not, and a next step for each refusal`, async () => {
    expect(calls.length).toBeGreaterThan(version === "11.0.15" ? 15 : 130);
    let current: RecordedCall | undefined;
    const fault: Fault = () => {
      const { status, headers, body } = (current as RecordedCall).response;
      return { status, headers, body };
    };
    const forge = await fakeForge({ fault });
    for (const { name, call, run } of calls) {
      current = call;
      const token = call.request.headers.Authorization?.replace(/^token /i, "");
      const access = { url: forge.url, retry: unhurried, ...(token ? { token } : {}) };
      const outcome = await run(access).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      checkOutcome(name, call, outcome, token);
    }
  });
});

function checkOutcome(name: string, call: RecordedCall, outcome: { value?: unknown; error?: unknown }, token?: string) {
  const { request, response } = call;
  const gone = /runner with ID \d+: resource does not exist/.test(response.body);
  if (response.status >= 400 && !gone && !(request.path.endsWith("Ping") && response.body.startsWith("Not found."))) {
    const error = outcome.error as ForgeError;
    expect(error, name).toBeInstanceOf(ForgeError);
    expect(error.fix, name).toBeTruthy();
    for (let at = 0; token && at + 8 <= token.length; at++)
      expect(error.message, name).not.toContain(token.slice(at, at + 8));
    if (response.headers["content-type"]?.startsWith("text/plain") && !request.path.endsWith("/version")) {
      expect(error.message, name).toContain("that is not the API's own answer");
    }
    return;
  }
  expect(outcome.error, name).toBeUndefined();
  if (request.path.endsWith("/version")) {
    expect(outcome.value, name).toMatchObject({ product: "forgejo", version: JSON.parse(response.body).version });
  } else if (request.path.endsWith("Ping")) {
    expect(outcome.value, name).toBe(response.status === 200);
  } else if (request.method === "POST") {
    const { id, uuid, token: own } = JSON.parse(response.body);
    expect(outcome.value, name).toEqual({ runnerId: id, uuid, token: own });
  } else if (request.method === "GET" && !gone) {
    checkRows(name, outcome.value as ListedRunner | ListedRunner[], JSON.parse(response.body));
  } else expect(outcome.value, name).toBeUndefined();
}

/** All rows of an answer, but those of other scopes, with their uuids. */
function checkRows(
  name: string,
  read: ListedRunner | ListedRunner[],
  body: { id: number; uuid: string } | { uuid: string }[],
) {
  const answered = [body].flat().map(({ uuid }) => uuid);
  const found = [read].flat().map(({ uuid }) => uuid);
  expect(answered, name).toEqual(expect.arrayContaining(found));
  if (!name.includes("visible")) expect(found, name).toEqual(answered);
  for (const { status } of [read].flat()) expect(["offline", "idle", "active"], name).toContain(status);
}

test("an open list of Forgejo 11 is refused before it is asked for: that version has none", () => {
  const parsed = parseVersion(versionText("11.0.15"));
  expect(parsed && dialectOf(parsed).runners).toBeUndefined();
});

/** Requests of which the fake forge has to give the very answer: status, kind, and the words but for numbers and tokens. */
const same = [
  ...["001-version-anonymous", "003-version-wrong-token", "006-unknown-route"],
  ...["008-unknown-route-below-org", "084-create-anonymous", "085-create-wrong-token", "098-create-org-unknown"],
  ...["124-list-anonymous", "125-list-wrong-token", "132-list-org-unknown", "135-list-delete-405"],
  ...["144-get-admin-unknown-id", "145-get-org-unknown-id", "152-get-org-id-zero", "153-get-org-id-word"],
  ...["154-get-org-anonymous", "160-rpc-ping-service", "161-rpc-ping-service-empty"],
  ...["169-rpc-declare-unregistered-uuid", "340-delete-org-anonymous", "345-delete-org-unknown-id"],
  ...[
    "388-actions-off-list-repo",
    "389-actions-off-create-repo",
    "400-actions-off-rpc-ping",
    "401-actions-off-rpc-declare",
  ],
  ...[
    "420-closed-version-anonymous",
    "421-closed-version-wrong-token",
    "424-closed-list-anonymous",
    "431-closed-rpc-ping",
  ],
];

test.each(withRunners)("the fake forge answers as Forgejo %s does", async (version) => {
  const recorded = recordedCalls(version);
  for (const name of same) {
    const call = recorded[name];
    if (!call) throw new Error(`${version} has no recording ${name}`);
    const { request, response, as } = call;
    const { instance = "" } = call;
    const forge = await fakeForge({
      version: versionText(version),
      actions: !instance.includes("[actions]"),
      closed: instance.includes("REQUIRE_SIGNIN"),
    });
    const headers = { ...request.headers, ...(as ? { Authorization: `token ${forge.apiToken}` } : {}) };
    const sent = { method: request.method, headers, ...(request.body === null ? {} : { body: request.body }) };
    const answer = await fetch(`${forge.url}${request.path}`, sent);
    const kind = (type: string | null | undefined) => type?.split(/[; ]/)[0] ?? "";
    expect({ name, status: answer.status, kind: kind(answer.headers.get("content-type")) }).toEqual({
      ...{ name, status: response.status, kind: kind(response.headers["content-type"]) },
    });
    expect(wordsIn(await answer.text()), name).toEqual(wordsIn(response.body));
  }
});

/** An answer without its forge's address. */
function wordsIn(body: string): unknown {
  try {
    const { url: _url, ...words } = JSON.parse(body) as Record<string, unknown>;
    return words;
  } catch {
    return body.trim();
  }
}
