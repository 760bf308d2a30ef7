/**
 * Evidence: what a run leaves behind for success, failure, time-out and cancelling, that no secret is in it, that it is
 * readable at every moment, and that whatever is done to it afterwards is found.
 *
 * Not proven here: the real engine, and an engine that is killed (the engine ring).
 */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { latestRun } from "../../../../cli/evidence-runs.ts";
import { redact } from "../../../../lib/redact.ts";
import { runsOf, stackDirectory, writeEvidence } from "../../../../provider/evidence/directory.ts";
import { identitiesOf } from "../../../../provider/evidence/identities.ts";
import { Recorder, type Run } from "../../../../provider/evidence/recorder.ts";
import { differences } from "../../../../provider/evidence/verify.ts";
import { NotReady } from "../../../../provider/kind.ts";
import { engineFor, secret } from "../../../fixtures/provider-client.fixture.ts";
import { toy, toyType } from "../../../fixtures/provider-toys.fixture.ts";
import { operatorHome } from "../../../fixtures/ssh-host.fixture.ts";

const password = "correct-horse-battery-staple";
const token = "planted-api-token-0123456789abcdef";
const inputs = { name: "bear", size: 1 };

/** An evidence root of this test's own. */
function ownRoot(): string {
  const root = mkdtempSync(join(tmpdir(), "holdfast-evidence-"));
  vi.stubEnv("XDG_STATE_HOME", root);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(root, { recursive: true, force: true });
  });
  return root;
}

/** A server that leaves evidence, and the toy behind it. */
async function served(behave?: Parameters<typeof toy>[0]) {
  const root = ownRoot();
  const made = toy(behave);
  const engine = await engineFor(made.catalogue, {
    recorder: new Recorder({ holdfast: "0.0.1", state: "1" }),
  });
  return { ...made, engine, root };
}

const latest = () => latestRun("runners", "crunchy");
const run = () => JSON.parse(readFileSync(join(latest(), "run.json"), "utf8")) as Run;
const all = (directory: string): string =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("\n");

test("one run has one directory for nobody but the operator, with every step, its end and its versions", async () => {
  const { engine } = await served();
  await engine.create(toyType, inputs);
  await engine.update(toyType, { ...inputs, serial: 1 }, { ...inputs, size: 2 });
  await engine.delete(toyType, "1", inputs);
  expect(runsOf("runners", "crunchy")).toHaveLength(1);
  const { steps, versions, project, stack } = run();
  expect(steps.map(({ operation, outcome }) => [operation, outcome])).toEqual([
    ["create", "ok"],
    ["update", "ok"],
    ["delete", "ok"],
  ]);
  for (const { began, ended, type } of steps) {
    expect(type).toBe(toyType);
    expect(Date.parse(ended ?? "")).toBeGreaterThanOrEqual(Date.parse(began));
  }
  expect({ project, stack, versions }).toEqual({
    project: "runners",
    stack: "crunchy",
    versions: { holdfast: "0.0.1", state: "1", node: process.versions.node },
  });
  expect(statSync(latest()).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(latest())) expect(statSync(join(latest(), name)).mode & 0o777).toBe(0o600);
  expect(differences(latest())).toEqual([]);
});

test("a preview, a check and a read leave nothing", async () => {
  const { engine, root } = await served();
  await engine.create(toyType, inputs, true);
  await engine.update(toyType, inputs, { ...inputs, size: 2 }, true);
  await engine.check(toyType, inputs);
  await engine.read(toyType, "1");
  expect(readdirSync(root)).toEqual([]);
});

test("a step that was begun stands there before it ends: a process that is killed then has said so much", async () => {
  let during: Run | undefined;
  const { engine } = await served(() => {
    during = run();
    expect(differences(latest())).toEqual([]);
  });
  await engine.create(toyType, inputs);
  expect(during?.steps).toEqual([expect.objectContaining({ operation: "create", began: expect.any(String) })]);
  expect(during?.steps[0]).not.toHaveProperty("ended");
  expect(during?.steps[0]).not.toHaveProperty("outcome");
});

test.each([
  ["failed", new Error("no bears here")],
  ["timed-out", new Error("no answer within 8 s")],
  ["timed-out", new Error("it failed", { cause: new Error("command on 192.0.2.1 took longer than 60 s: true") })],
  ["timed-out", new DOMException("The operation was aborted due to timeout", "TimeoutError")],
  ["failed", new NotReady("it never starts", "1", { ...inputs, token: "made-on-the-way" })],
])("%s: what went wrong is written down, and thrown on", async (outcome, error) => {
  const { engine } = await served(() => {
    throw error;
  });
  await expect(engine.create(toyType, inputs)).rejects.toThrow(error.message);
  expect(run().steps).toEqual([expect.objectContaining({ outcome, error: error.message, ended: expect.any(String) })]);
});

test("what the user cancelled is called so", async () => {
  let cancel = async () => {};
  const { engine } = await served(async (_inputs, { signal }) => {
    await cancel();
    signal.throwIfAborted();
  });
  cancel = async () => {
    await engine.cancel();
  };
  await expect(engine.create(toyType, inputs)).rejects.toThrow("cancelled");
  expect(run().steps[0]).toMatchObject({ outcome: "cancelled", error: "cancelled by the user" });
});

test("no secret of configuration, inputs, old state or new state is in it, however the error spells it", async () => {
  const output = [password, token, "token-of-bear", "old-secret-of-the-state"];
  const { engine, root } = await served(() => {
    const spelt = output.flatMap((text) => [text, encodeURIComponent(text), Buffer.from(text).toString("base64")]);
    throw new NotReady(`it said ${spelt.join(" and ")}`, "1", { ...inputs, token: "token-of-bear" });
  });
  await engine.configure({ forgeToken: secret(token) });
  const olds = { ...inputs, token: secret("old-secret-of-the-state") };
  await expect(engine.update(toyType, olds, { ...inputs, password: secret(password) })).rejects.toThrow();
  const written = all(root);
  for (const text of output) {
    for (const form of [text, encodeURIComponent(text), Buffer.from(text).toString("base64")]) {
      expect(written).not.toContain(form);
    }
  }
  expect(run().steps[0]?.error).toMatch(/^it said \[secret\]( and \[secret\])+$/);
});

test("no secret of the environment is in it, nor what a dispatch passed on under whatever name", async () => {
  const { engine, root } = await served((_, { appendEvidence: row }) => {
    row("hook_test.json", { output: "hook with db://ada:pw@db" });
    throw new Error("db://ada:pw@db refused pulumi-access-token");
  });
  const env = { DSN: "db://ada:pw@db", HOLDFAST_PASSED_ENV: "DSN", PULUMI_ACCESS_TOKEN: "pulumi-access-token" };
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(engine.create(toyType, inputs)).rejects.toThrow();
  expect(run().steps[0]?.error).toBe("[secret] refused [secret]");
  expect(all(root)).toContain("hook with [secret]");
});

test("evidence that cannot be written fails nothing", async () => {
  const { engine, root, calls } = await served();
  writeFileSync(join(root, "holdfast"), "a file where a directory should be");
  await engine.create(toyType, inputs);
  await engine.update(toyType, inputs, { ...inputs, size: 2 });
  expect(calls).toEqual(["create", "update"]);
});

test("steps that run side by side are all in it", async () => {
  const { engine } = await served();
  await Promise.all(Array.from({ length: 12 }, () => engine.create(toyType, inputs)));
  expect(run().steps.map(({ outcome }) => outcome)).toEqual(Array(12).fill("ok"));
  expect(differences(latest())).toEqual([]);
});

test("rows of all resources of a run are in one file, without a secret, and the manifest knows it", async () => {
  const { engine } = await served(({ name }, { appendEvidence: row }) => {
    row("hook_test.json", { name, output: [`it said ${token}`, Buffer.from(token).toString("base64")], count: 1 });
    if (name === "wolf") throw new Error("no wolves here");
  });
  await engine.configure({ netboxToken: secret(token) });
  await engine.create(toyType, inputs);
  await expect(engine.create(toyType, { ...inputs, name: "wolf" })).rejects.toThrow();
  const rows = JSON.parse(readFileSync(join(latest(), "hook_test.json"), "utf8"));
  const output = ["it said [secret]", "[secret]"];
  expect(rows).toEqual(["bear", "wolf"].map((name) => ({ name, output, count: 1 })));
  expect(differences(latest())).toEqual([]);
});

test("a row that cannot be written fails nothing", async () => {
  const { engine, root, calls } = await served((_, { appendEvidence: row }) => row("hook_test.json", { done: true }));
  writeFileSync(join(root, "holdfast"), "a file where a directory should be");
  await engine.create(toyType, inputs);
  expect(calls).toEqual(["create"]);
});

/** An intact run to tamper with. */
function intact(): string {
  ownRoot();
  const directory = join(stackDirectory("runners", "crunchy"), "20260101T000000Z-1-abcdef");
  writeEvidence(directory, { "run.json": '{"steps":[]}\n', "more.json": "{}\n" });
  expect(differences(directory)).toEqual([]);
  return directory;
}

test.each<[string, (path: (name: string) => string) => void, RegExp[]]>([
  [
    "a changed file",
    (path) => writeFileSync(path("run.json"), '{"steps":[1]}\n'),
    [/run.json has 14 bytes, expected 13/, /run.json has SHA-256/],
  ],
  [
    "a file changed in place",
    (path) => writeFileSync(path("run.json"), '{"steps":{}}\n'),
    [/^run.json has SHA-256 .* expected/],
  ],
  ["a file for everybody", (path) => chmodSync(path("run.json"), 0o644), [/^run.json has mode 0644, expected 0600$/]],
  [
    "a directory for everybody",
    (path) => chmodSync(path("."), 0o755),
    [/^the directory has mode 0755, expected 0700$/],
  ],
  [
    "a manifest for everybody",
    (path) => chmodSync(path("manifest.json"), 0o640),
    [/^manifest.json has mode 0640, expected 0600$/],
  ],
  ["a file more", (path) => writeFileSync(path("x"), ""), [/^x is there, but not in the manifest$/]],
  ["a directory more", (path) => mkdirSync(path(".x")), [/^.x is there, but not in the manifest$/]],
  ["a file less", (path) => rmSync(path("more.json")), [/^more.json is missing$/]],
  [
    "a link in a file's place",
    (path) => {
      rmSync(path("more.json"));
      symlinkSync("run.json", path("more.json"));
    },
    [/^more.json is no regular file$/],
  ],
  ["no manifest", (path) => rmSync(path("manifest.json")), [/^manifest.json is missing, or is no manifest$/]],
  [
    "a manifest that is none",
    (path) => writeFileSync(path("manifest.json"), "{}"),
    [/^manifest.json is missing, or is no manifest$/],
  ],
])("%s is found, and nothing else", (_what, tamper, expected) => {
  const directory = intact();
  tamper((name) => join(directory, name));
  const found = differences(directory);
  expect(found).toHaveLength(expected.length);
  for (const [index, pattern] of expected.entries()) expect(found[index]).toMatch(pattern);
});

test("a directory that is not there is an error, not a difference", () => {
  expect(() => differences("/nowhere")).toThrow("ENOENT");
});

test("no name leads out of the evidence's directory", () => {
  ownRoot();
  for (const name of ["..", "a/b", "", ".hidden"]) expect(() => stackDirectory("runners", name)).toThrow("is no name");
});

test("identities are the whitelisted facts, and nothing of a property that is secret", () => {
  // The home of who runs this may know a machine of that address.
  operatorHome();
  const uuid = "927d6786-706e-44b5-b3eb-695ed282861a";
  const host = { host: "192.0.2.10", port: 22, user: "root", stack: "runners/crunchy" };
  const properties = {
    uuid,
    vmId: uuid,
    domain: "runner-02",
    address: "192.0.2.16",
    hypervisor: host,
    token,
    note: "x",
  };
  expect(identitiesOf(properties, new Set())).toEqual({
    runnerUuid: uuid,
    domainId: uuid,
    domain: "runner-02",
    address: "192.0.2.16",
    host: "192.0.2.10",
  });
  expect(identitiesOf(properties, new Set(["uuid", "hypervisor"]))).not.toHaveProperty("host");
  expect(identitiesOf({ uuid: token, address: token, vmId: token, domain: "two words" }, new Set())).toEqual({});
});

test("a host key's fingerprint is OpenSSH's", () => {
  const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl comment";
  expect(identitiesOf({ publicKey }, new Set()).keyFingerprint).toBe(
    "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
  );
});

test("whatever the secret and the text around it, nothing of the secret is left", () => {
  const text = fc.string({ minLength: 4, maxLength: 30 }).filter((value) => value.trim().length >= 4);
  fc.assert(
    fc.property(text, fc.string(), fc.string(), (value, before, after) => {
      fc.pre(!"[secret]".includes(value) && !value.includes("[secret]"));
      expect(redact(`${before} ${value} ${after}`, [value])).not.toContain(value);
    }),
  );
});

test("every line of a key is a secret of its own, so is what a URL or JSON makes of it, and the longer secret wins", () => {
  const key = "-----BEGIN KEY-----\nAAAABBBB\n-----END KEY-----\n";
  expect(redact("it read AAAABBBB", [key])).toBe("it read [secret]");
  expect(redact('GET /?token=a%20b%2Fc and "a\\"b"', ["a b/c", 'a"b '])).toBe('GET /?token=[secret] and "[secret]"');
  expect(redact("abcdefgh", ["abcd", "abcdefgh"])).toBe("[secret]");
  expect(redact("a b c", ["a", ""])).toBe("a b c");
});
