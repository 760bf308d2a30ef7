/**
 * The readiness gate against real SSH servers on loopback: how far it says that a machine came, over which way, and what an
 * operator is told to look at.
 *
 * Not proven here: OpenSSH's own server and a real cloud-init (the lab ring has both).
 */
import { createServer } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { JumpHosts } from "../../../../lib/ssh/jump-hosts.ts";
import { knownHostsFile, recordKey } from "../../../../lib/ssh/known-hosts.ts";
import { passGate } from "../../../../provider/readiness/gate.ts";
import { cloudInitStatus, probe as probeOver, type Route } from "../../../../provider/readiness/probe.ts";
import { type Answer, keyPair, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const stack = "platform-vm/dev-apps";
const direct: Route = { kind: "direct" };
const ready = () => ({ stdout: "status: done\n" });
const once = { timeoutSeconds: 2, waitSeconds: 0 };

async function probe(machine: ReturnType<typeof target>, route: Route, timeoutSeconds: number) {
  const jumps = new JumpHosts();
  try {
    return await probeOver(machine, route, timeoutSeconds, jumps);
  } finally {
    jumps.close();
  }
}

function target(server: { host: string; port: number }, name = "app-01") {
  return { name, host: server.host, port: server.port, user: "opsadmin", stack };
}

/** A port that takes connections and says nothing, or nothing that SSH would say. */
async function deafPort(says = ""): Promise<{ host: string; port: number }> {
  const server = createServer((socket) => void socket.on("error", () => {}).write(says));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { host: "127.0.0.1", port: (server.address() as { port: number }).port };
}

test("a machine that answers everything is ready, as whoever it is asked for", async () => {
  operatorHome();
  const server = await sshHost({ answer: ready });
  const [result] = await passGate([target(server)], [direct], once);
  expect(result).toMatchObject({ name: "app-01", status: "ok", stage: "ready", route: "direct", attempts: [{}] });
  expect(server.received).toMatchObject([{ user: "opsadmin", command: expect.not.stringContaining("sudo") }]);
});

test("nobody listens: the service is not ready; a name that nobody knows: unreachable", async () => {
  operatorHome();
  const server = await sshHost();
  await server.stop();
  expect(await probe(target(server), direct, 2)).toMatchObject({ stage: "tcp", failure: "service-not-ready" });
  const nowhere = { ...target(server), host: "no-such-host.invalid" };
  expect(await probe(nowhere, direct, 5)).toMatchObject({ stage: "resolve", failure: "unreachable" });
});

test("a port without a banner, or with another protocol's, is a service that is not ready", async () => {
  operatorHome();
  const silent = await probe(target(await deafPort()), direct, 1);
  expect(silent).toMatchObject({ stage: "banner", failure: "service-not-ready", reason: "no answer within 1 s" });
  const other = await probe(target(await deafPort("220 mail ready\r\n")), direct, 1);
  expect(other).toMatchObject({ failure: "service-not-ready" });
});

test("a changed host key is final: no waiting mends it", async () => {
  operatorHome();
  const server = await sshHost({ answer: ready });
  recordKey(knownHostsFile(stack), server.host, server.port, keyPair().public as `${string} ${string}`);
  const [result] = await passGate([target(server)], [direct], { timeoutSeconds: 2, waitSeconds: 60 });
  expect(result).toMatchObject({ status: "error", stage: "host-key", failure: "host-key-changed", attempts: [{}] });
});

test("a refused login is a wrong key, and tried again until the time is up: cloud-init may still bring it", async () => {
  operatorHome();
  const server = await sshHost({ allowed: keyPair().public });
  const [result] = await passGate([target(server)], [direct], {
    timeoutSeconds: 2,
    waitSeconds: 3,
    pauseSeconds: 0.05,
  });
  expect(result).toMatchObject({ status: "error", stage: "authentication", failure: "wrong-key" });
  expect(result?.attempts.length).toBeGreaterThan(1);
});

test("cloud-init is waited for; its error is final, its absence is none", async () => {
  operatorHome();
  const answers = ["status: running", "status: done"];
  const server = await sshHost({ answer: () => ({ stdout: answers.shift() ?? "", code: 2 }) });
  const patience = { timeoutSeconds: 2, waitSeconds: 10, pauseSeconds: 0.02 };
  const [slow] = await passGate([target(server)], [direct], patience);
  expect(slow).toMatchObject({ status: "ok", attempts: [{ stage: "cloud-init" }, { stage: "ready" }] });
  const broken = await sshHost({ answer: () => ({ stdout: "status: error\n" }) });
  const [failed] = await passGate([target(broken)], [direct], patience);
  expect(failed).toMatchObject({ status: "error", failure: "service-not-ready", attempts: [{}] });
});

test.each([
  ["status: done\n", "done"],
  ["status: degraded done", "done"],
  ["status: disabled", "done"],
  ["status: absent", "done"],
  ["", "done"],
  ["status: running", "running"],
  ["status: not started", "running"],
  ["status: error", "error"],
])("cloud-init's %j is %s", (text, status) => {
  expect(cloudInitStatus(text)).toBe(status);
});

test("straight first, then over the jump host, which is kept to once it leads there", async () => {
  operatorHome();
  const inner = await sshHost({ answer: ready });
  const jump = await sshHost({ reaches: (host) => (host === "192.0.2.77" ? inner.port : undefined) });
  const over: Route = { kind: "jump", over: { host: jump.host, port: jump.port, user: "root", stack } };
  // Closed on loopback, so the straight way ends at once.
  const closed = await sshHost();
  await closed.stop();
  const machine = { ...target(closed), host: "192.0.2.77" };
  const attempt = await probe(machine, over, 5);
  expect(attempt).toMatchObject({ stage: "ready", route: `jump root@127.0.0.1:${jump.port}` });
});

test("all machines share one login on the jump host, which is made anew once it is lost", async () => {
  operatorHome();
  const answers: Answer[] = ["lost"];
  const inner = await sshHost({ answer: () => answers.shift() ?? ready() });
  const jump = await sshHost({ reaches: () => inner.port });
  const host = { host: jump.host, port: jump.port, user: "root", stack };
  const machines = Array.from({ length: 20 }, (_, index) => ({ ...target(inner, `app-${index}`), host: "192.0.2.77" }));
  const patience = { timeoutSeconds: 5, waitSeconds: 10, pauseSeconds: 0.02 };
  const results = await passGate(machines, [{ kind: "bastion", over: host }], patience);
  expect(results.map(({ status }) => status)).toEqual(machines.map(() => "ok"));
  expect(jump.dials()).toBe(1);

  const jumps = new JumpHosts();
  const first = await jumps.to(host, 5);
  expect(await jumps.to(host, 5)).toBe(first);
  first.abort();
  await vi.waitFor(async () => expect(await jumps.to(host, 5)).not.toBe(first));
  jumps.close();
});

test("what is wrong with the jump host is said of the jump host", async () => {
  operatorHome();
  const closed = await sshHost();
  await closed.stop();
  const strict = await sshHost({ allowed: keyPair().public });
  const over = (server: { host: string; port: number }): Route => ({
    kind: "bastion",
    over: { host: server.host, port: server.port, user: "root", stack },
  });
  const [refused] = await passGate([target(closed)], [direct, over(strict)], once);
  expect(refused).toMatchObject({
    stage: "proxy",
    failure: "proxy-login",
    reason: expect.stringContaining("login was refused"),
  });
  const blind = await sshHost({ reaches: () => undefined });
  const [lost] = await passGate([target(closed)], [direct, over(blind)], once);
  expect(lost).toMatchObject({ stage: "tcp", failure: "unreachable", route: expect.stringContaining("bastion") });
  expect(lost?.attempts.map(({ route }) => route.split(" ")[0])).toEqual(["direct", "bastion"]);
});

test("machines wait side by side, each with a deadline of its own", async () => {
  operatorHome();
  const good = await sshHost({ answer: ready });
  const bad = await deafPort();
  const results = await passGate([target(bad, "slow"), target(good, "quick")], [direct], {
    timeoutSeconds: 0.3,
    waitSeconds: 0.6,
    pauseSeconds: 0.05,
  });
  expect(results.map(({ name, status }) => [name, status])).toEqual([
    ["slow", "error"],
    ["quick", "ok"],
  ]);
});
