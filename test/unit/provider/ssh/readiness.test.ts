/**
 * The readiness gate as a resource: what the engine keeps of it, what it says, and what it leaves as evidence.
 */
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { catalogue } from "../../../../provider/catalogue.ts";
import { Recorder } from "../../../../provider/evidence/recorder.ts";
import { differences } from "../../../../provider/evidence/verify.ts";
import { gateMessage } from "../../../../provider/ssh/readiness-report.ts";
import { engineFor, initFailure, raw } from "../../../fixtures/provider-client.fixture.ts";
import { keyPair, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const type = "holdfast:ssh:Readiness";

beforeEach(() => {
  operatorHome();
  vi.stubEnv("XDG_STATE_HOME", mkdtempSync(join(tmpdir(), "holdfast-state-")));
});

function engine() {
  return engineFor(catalogue, { recorder: new Recorder({ holdfast: "0.0.1", state: "1" }) });
}

function inputs(targets: { host: string; port: number }[], changes: object = {}) {
  return {
    stack: "platform-vm/dev-apps",
    required: true,
    targets: targets.map(({ host, port }, index) => ({
      name: `app-0${index + 1}`,
      host,
      port,
      user: "opsadmin",
      identity: `sha256:${index}`,
    })),
    timeoutSeconds: 1,
    waitSeconds: 0,
    ...changes,
  };
}

const ready = () => ({ stdout: "status: done\n" });

async function gone() {
  const server = await sshHost();
  await server.stop();
  return server;
}

test("a gate that is passed says so, machine by machine, with evidence that verifies", async () => {
  const [one, two] = [await sshHost({ answer: ready }), await sshHost({ answer: ready })];
  const state = raw((await (await engine()).create(type, inputs([one, two]))).getProperties());
  expect(state).toMatchObject({
    status: "ok",
    results: { "app-01": { status: "ok", stage: "ready", route: "direct" }, "app-02": { status: "ok" } },
    runId: expect.stringMatching(/^\d{8}T\d{6}Z-/),
  });
  const directory = String(state.evidenceDir);
  expect(readdirSync(directory).sort()).toEqual([
    "connectivity_ssh_auth.platform_vm_targets.app-01.json",
    "connectivity_ssh_auth.platform_vm_targets.app-02.json",
    "manifest.json",
    "post_apply_ssh_readiness.json",
    "run.json",
  ]);
  const summary = JSON.parse(readFileSync(join(directory, "post_apply_ssh_readiness.json"), "utf8"));
  expect(summary).toMatchObject({
    enabled: true,
    required: true,
    status: "ok",
    config: { target_user: "opsadmin", connectivity_timeout_s: 1, connectivity_wait_s: 0 },
    targets: [
      { name: "app-01", stage: "ready", attempts: 1 },
      { name: "app-02", stage: "ready" },
    ],
  });
  expect(differences(directory)).toEqual([]);
});

test("a gate that is not passed fails the update, keeps its state, and names every machine with what to look at", async () => {
  const [good, strict, off] = [
    await sshHost({ answer: ready }),
    await sshHost({ allowed: keyPair().public }),
    await gone(),
  ];
  const error = await (await engine()).create(type, inputs([good, strict, off])).catch((error: unknown) => error);
  const failed = initFailure(error);
  expect(failed.properties).toMatchObject({
    status: "error",
    results: { "app-01": { status: "ok" }, "app-02": { stage: "authentication" }, "app-03": { stage: "tcp" } },
  });
  const [reason = ""] = failed.reasons;
  expect(reason).toMatch(
    /^post-apply SSH readiness failed: 2 of 3 VMs are not ready \(see post_apply_ssh_readiness\.json/,
  );
  expect(reason).toContain(
    "authentication failed for platform_vm_targets.app-02 (host=127.0.0.1). Confirm target_user=opsadmin",
  );
  expect(reason).toContain("SSH is not ready yet for platform_vm_targets.app-03");
  const directory = String(failed.properties.evidenceDir);
  expect(JSON.parse(readFileSync(join(directory, "post_apply_ssh_readiness.json"), "utf8"))).toMatchObject({
    status: "error",
    error: reason,
  });
});

test("the next update goes on where the gate failed", async () => {
  const host = await gone();
  const served = await engine();
  const failed = initFailure(await served.create(type, inputs([host])).catch((error: unknown) => error));
  await sshHost({ answer: ready, port: host.port });
  const updated = raw((await served.update(type, failed.properties, inputs([host]))).getProperties());
  expect(updated).toMatchObject({ status: "ok", drift: [] });
});

test("no machine at all is a failure where the check is required, and skipped where it is not", async () => {
  const served = await engine();
  const failed = initFailure(await served.create(type, inputs([])).catch((error: unknown) => error));
  expect(failed.reasons[0]).toContain("there is no target to check, and the check is required");
  const skipped = raw((await served.create(type, inputs([], { required: false }))).getProperties());
  expect(skipped).toMatchObject({ status: "skipped", results: {} });
});

test("a gate that only warns lets the update pass, and says in its status that it was not passed", async () => {
  const state = raw((await (await engine()).create(type, inputs([await gone()], { required: false }))).getProperties());
  expect(state).toMatchObject({ status: "error", results: { "app-01": { status: "error" } } });
});

test("a machine without an address is not ready, and the reason is its guest agent", async () => {
  const error = await (await engine()).create(type, inputs([{ host: "", port: 22 }])).catch((error: unknown) => error);
  expect(initFailure(error).reasons[0]).toContain("reported no IPv4 address; does its guest agent run?");
});

test("a refresh looks again: what is no longer ready is drift, and nothing is dropped", async () => {
  const host = await sshHost({ answer: ready });
  const served = await engine();
  const created = raw((await served.create(type, inputs([host]))).getProperties());
  const calm = await served.read(type, "platform-vm/dev-apps/readiness", created, inputs([host]));
  expect(raw(calm.getProperties())).toMatchObject({ status: "ok", drift: [] });
  await host.stop();
  const found = await served.read(type, "platform-vm/dev-apps/readiness", created, inputs([host]));
  expect(found.getId()).toBe("platform-vm/dev-apps/readiness");
  expect(raw(found.getProperties()).drift).toEqual([expect.stringContaining("app-01 is not ready")]);
});

test.each([
  [
    "unreachable",
    "direct",
    /cannot reach platform_vm_targets\.a host=192\.0\.2\.5:22 from this machine \(timeout=5s\).*configure inputs\.ssh_proxy_jump_host/,
  ],
  [
    "unreachable",
    "bastion root@192.0.2.1:22",
    /proxy is reachable, but cannot reach the target from the proxy \(root@192\.0\.2\.1:22 -> 192\.0\.2\.5:22\)/,
  ],
  ["proxy-login", "jump root@192.0.2.1:22", /cannot reach ssh_proxy_jump_host=root@192\.0\.2\.1:22 \(timeout=5s\)/],
  [
    "wrong-key",
    "jump root@192.0.2.1:22",
    /target is reachable via proxy, but SSH authentication failed.*Confirm target_user=opsadmin and key injection/,
  ],
  ["host-key-changed", "direct", /because/],
] as const)("%s by way of %s keeps the words that operators search for", (failure, route, words) => {
  const place = { name: "a", host: "192.0.2.5", port: 22, user: "opsadmin", seconds: 1, attempts: [] };
  const result = { ...place, status: "error" as const, route, stage: "tcp" as const, failure, reason: "because" };
  expect(gateMessage([result], 5)).toMatch(words);
});
