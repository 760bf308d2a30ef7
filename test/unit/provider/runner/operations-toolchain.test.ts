/**
 * What a look at an operations runner means, when a deploy forces a run, and that a VM which is gone holds up nothing.
 *
 * Not proven here: that the steps do what they say (the lab ring has a real VM).
 */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { catalogue } from "../../../../provider/catalogue.ts";
import { Recorder } from "../../../../provider/evidence/recorder.ts";
import { forceRunVariable, isForced } from "../../../../provider/forced-run.ts";
import {
  digestOf,
  type Observation,
  objection,
  wrongWith,
} from "../../../../provider/runner/operations-observation.ts";
import { dropInText } from "../../../../provider/runner/operations-paths.ts";
import { Steps } from "../../../../provider/runner/operations-steps.ts";
import type { OperationsInputs } from "../../../../resources/runner/operations-toolchain.ts";
import { engineFor, initFailure, raw } from "../../../fixtures/provider-client.fixture.ts";
import { toy, toyType } from "../../../fixtures/provider-toys.fixture.ts";
import { keyPair, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const type = "holdfast:runner:OperationsToolchain";
const owner = "home.ops-runner.dev-onprem";
const sha256 = "ab".repeat(32);
const target = { host: "127.0.0.1", port: 22, user: "opsadmin", stack: "ops-runner/dev-onprem" };
const inputs: OperationsInputs = {
  ...{ owner, vm: "runner-01", identity: "sha256:1", target, direct: true, timeoutSeconds: 1, waitSeconds: 0 },
  ...{ state: "present", prefix: "/opt/hybridops/core", os: "ubuntu-lts", release: { sha256 } },
  ...{ systemLink: true, gatewayPorts: true },
};
const healthy: Observation = {
  ...{ osId: "ubuntu", osVersion: "24.04.1 LTS (Noble Numbat)", osName: "Ubuntu 24.04.1 LTS", filled: true },
  ...{ marker: { owner, release: sha256 }, current: sha256, link: "/opt/hybridops/core/current/bin/holdfast" },
  ...{ dropIn: digestOf(dropInText(owner)), dropInHead: `# Made by holdfast for ${owner}` },
};
const empty: Observation = {
  ...{ osId: "ubuntu", osVersion: healthy.osVersion, osName: healthy.osName },
  ...{ filled: false, marker: undefined, current: "", link: "", dropIn: "", dropInHead: "" },
};

beforeEach(() => {
  vi.stubEnv(forceRunVariable, "");
  vi.stubEnv("XDG_STATE_HOME", mkdtempSync(join(tmpdir(), "holdfast-state-")));
  onTestFinished(() => void vi.unstubAllEnvs());
});

test("a runner that is as it should be has nothing wrong, present or absent", () => {
  expect(wrongWith(inputs, healthy)).toEqual([]);
  expect(wrongWith({ ...inputs, state: "absent" }, empty)).toEqual([]);
});

test.each([
  ["rebuilt", empty, /no marker of this stack: the VM was rebuilt/],
  ["half installed", { ...healthy, marker: { owner } }, /not proven to run there/],
  ["back at an old release", { ...healthy, current: "cd".repeat(32) }, /current does not lead to the release/],
  ["without its link", { ...healthy, link: "" }, /\/usr\/local\/bin\/holdfast does not lead/],
  [
    "with another drop-in",
    { ...healthy, dropIn: digestOf("PermitRootLogin yes") },
    /90-holdfast-runner.conf was changed/,
  ],
])("a runner that is %s is drift, in words", (_what, seen, words) => {
  expect(wrongWith(inputs, seen).join("\n")).toMatch(words);
});

test("what is there of a toolchain that should be absent is drift", () => {
  expect(wrongWith({ ...inputs, state: "absent" }, healthy)).toHaveLength(3);
});

test.each([
  ["Ubuntu LTS", "ubuntu-lts", healthy, undefined],
  [
    "another Ubuntu",
    "ubuntu-lts",
    { ...empty, osVersion: "25.10 (Questing)", osName: "Ubuntu 25.10" },
    /pinned to Ubuntu LTS, and runner-01 runs Ubuntu 25\.10/,
  ],
  ["Rocky", "ubuntu-lts", { ...empty, osId: "rocky", osName: "Rocky Linux 9" }, /template_key: ubuntu-22\.04/],
  [
    "Rocky where Debian is allowed",
    "debian",
    { ...empty, osId: "rocky", osName: "Rocky Linux 9" },
    /pinned to Ubuntu LTS/,
  ],
  ["Debian where it is allowed", "debian", { ...empty, osId: "debian" }, undefined],
  ["no os-release", "ubuntu-lts", { ...empty, osId: "", osVersion: "", osName: "" }, /without \/etc\/os-release/],
  [
    "another stack's",
    "ubuntu-lts",
    { ...healthy, marker: { owner: "home.ops-runner.other" } },
    /belongs to home\.ops-runner\.other/,
  ],
  [
    "somebody's command",
    "ubuntu-lts",
    { ...empty, link: "/opt/theirs/holdfast" },
    /holdfast on runner-01 leads to \/opt\/theirs\/holdfast, and this stack did not make it; remove it/,
  ],
  [
    "somebody's drop-in",
    "ubuntu-lts",
    { ...empty, dropIn: digestOf("GatewayPorts no\n"), dropInHead: "GatewayPorts no" },
    /90-holdfast-runner\.conf on runner-01 is not this stack's; move it away/,
  ],
  ["somebody's files", "ubuntu-lts", { ...empty, filled: true }, /something in it that holdfast did not put there/],
] as const)("%s: refused or not", (_what, os, seen, words) => {
  const found = objection({ ...inputs, os }, seen);
  if (words) expect(found).toMatch(words);
  else expect(found).toBeUndefined();
});

test("a step that fails is named, and kept with those before it", async () => {
  const output: string[] = [];
  const steps = new Steps((text) => output.push(text));
  await steps.take("one", "doing one", async () => ({ skipped: "it is there" }));
  const failing = steps.take("two", "doing two", () => Promise.reject(new Error("no room")));
  await expect(failing).rejects.toThrow("two: no room");
  expect(steps.records).toMatchObject([
    { step: "one", outcome: "skipped", detail: "it is there" },
    { step: "two", outcome: "failed", detail: "no room" },
  ]);
  expect(output).toEqual(["doing one", "doing two"]);
});

test("a deploy forces each of its resources that runs again, once, in preview and update alike, and no other", async () => {
  const { catalogue: toys } = toy();
  const [kind] = toys.kinds;
  const plain = await engineFor(toys);
  const reruns = await engineFor({ ...toys, kinds: [{ ...kind, reruns: true }] } as unknown as typeof toys);
  const values = { name: "bear", size: 1 };
  const changed = async (engine: typeof plain, state: object) =>
    (await engine.diff(toyType, values, { ...values, drift: [], ...state }, values)).getDiffsList();
  expect(await changed(reruns, { forcedRun: "" })).toEqual([]);
  vi.stubEnv(forceRunVariable, "deploy-7");
  expect(await changed(reruns, { forcedRun: "" })).toEqual(["forcedRun"]);
  expect(await changed(reruns, { forcedRun: "deploy-6" })).toEqual(["forcedRun"]);
  expect(await changed(reruns, { forcedRun: "deploy-7" })).toEqual([]);
  expect(await changed(plain, {})).toEqual([]);
  expect(() => isForced({}, { [forceRunVariable]: "two words" })).toThrow(/is no id of a run/);
});

test("a VM that cannot be reached fails the update with the gate's words, keeps the state, and leaves evidence", async () => {
  operatorHome();
  const server = await sshHost();
  await server.stop();
  vi.stubEnv(forceRunVariable, "deploy-7");
  const engine = await engineFor(catalogue, { recorder: new Recorder({ holdfast: "0.0.1", state: "1" }) });
  const there = { ...inputs, target: { ...target, port: server.port } };
  const failed = initFailure(await engine.create(type, there).catch((error: unknown) => error));
  expect(failed.reasons[0]).toMatch(
    /^runner runner-01: connectivity check failed: .*runner\.runner-01.*connectivity_wait_s/,
  );
  // A run that failed was none: the same deploy tries again.
  expect(failed.properties).toMatchObject({ status: "error", forcedRun: "" });
  const evidence = join(String(failed.properties.evidenceDir), "operations_runner.json");
  expect(JSON.parse(readFileSync(evidence, "utf8"))).toMatchObject({ vm: "runner-01", status: "error", steps: [] });
  const read = raw((await engine.read(type, failed.id, failed.properties, there)).getProperties());
  expect(read.drift).toEqual([expect.stringMatching(/^not observed: connectivity check failed/)]);
  await expect(engine.delete(type, failed.id, failed.properties)).resolves.toBeDefined();
});

test("a destroy that reached the VM and could not remove all of it fails: what is left is not forgotten", async () => {
  const { key } = operatorHome();
  const answer = (command: string) => {
    if (command.includes("say link")) return { stdout: `link=${healthy.link}\n` };
    return command.includes("rm -f") ? { code: 1, stderr: "Read-only file system" } : { stdout: "status: done\n" };
  };
  const server = await sshHost({ allowed: key.public, answer });
  const engine = await engineFor(catalogue);
  const state = { ...inputs, target: { ...target, port: server.port }, route: "direct", status: "ok" };
  const removed = engine.delete(type, "runner", state);
  await expect(removed).rejects.toThrow(
    /was not removed from runner-01: .*Read-only file system.*run the same command again/s,
  );
});

test("a runner whose key was met has to show it: an address that leads to another machine by now gets no command", async () => {
  operatorHome();
  const another = await sshHost();
  const engine = await engineFor(catalogue);
  const there = { ...inputs, target: { ...target, port: another.port } };
  const state = { ...there, hostKey: keyPair().public, route: "direct", status: "ok" };
  const failed = initFailure(await engine.update(type, state, there).catch((error: unknown) => error));
  expect(failed.reasons[0]).toContain(`host key of 127.0.0.1:${another.port} changed`);
  expect(failed.properties).toMatchObject({ hostKey: state.hostKey });
  const read = raw((await engine.read(type, "runner", state, there)).getProperties());
  expect(read.drift).toEqual([expect.stringMatching(/^not observed: .*host key of .* changed/)]);
  await engine.delete(type, "runner", state);
  expect(another.received).toEqual([]);
  // Another machine has another key, as its identity says.
  await engine.update(type, { ...state, identity: "sha256:0" }, there).catch(() => {});
  expect(another.received).not.toEqual([]);
});
