/**
 * What the plugin does for the hypervisors of its configuration beside its resources: a workstation that never met one
 * checks the key that the state knows, and a libvirt that falls silent ends the provider that would wait for it.
 *
 * Not proven here: that the engine then ends, and that its own provider is found among its children (faults.test.ts).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { knownHostsFile, recordedKeys } from "../../../../lib/ssh/known-hosts.ts";
import { Activity } from "../../../../provider/activity.ts";
import {
  type Answer,
  endLibvirtProviders,
  libvirtOf,
  untilSilent,
  untilStuck,
} from "../../../../provider/host/libvirt-watch.ts";
import { stateVersion } from "../../../../provider/server.ts";
import { recordHostKeys } from "../../../../provider/ssh/known-hosts.ts";
import { engineFor } from "../../../fixtures/provider-client.fixture.ts";
import { toy, toyType } from "../../../fixtures/provider-toys.fixture.ts";
import { keyPair, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const target = { stack: "runners/crunchy", host: "192.0.2.10", port: 22, user: "root" };

test("a workstation takes the keys of hosts it never met from the configuration, and keeps those it has", () => {
  operatorHome();
  const file = knownHostsFile(target.stack);
  recordHostKeys({ hypervisors: [{ ...target, hostKey: "ssh-ed25519 AAAAfirst root@crunchy" }] });
  expect(recordedKeys(file, target.host, 22)).toEqual(["ssh-ed25519 AAAAfirst"]);
  recordHostKeys({ hypervisors: [{ ...target, hostKey: "ssh-ed25519 AAAAsecond" }] });
  expect(recordedKeys(file, target.host, 22)).toEqual(["ssh-ed25519 AAAAfirst"]);
  recordHostKeys({});
});

test.each([
  ["stack", "../../../x/y", "hypervisors.0.stack: expected <project>/<stack>"],
  ["host", "192.0.2.10 ssh-ed25519 AAAA\n*", "hypervisors.0.host: expected an address or a name"],
  ["hostKey", "ssh-ed25519 AAAA\n* ssh-ed25519 BBBB", "hypervisors.0.hostKey: expected a public key"],
])("a %s from the state that would be another line or another file is refused", (field, value, words) => {
  operatorHome();
  const given = { ...target, hostKey: "ssh-ed25519 AAAA", [field]: value };
  expect(() => recordHostKeys({ hypervisors: [given] })).toThrow(words);
  expect(() => knownHostsFile("../../../x/y")).toThrow("names no known hosts");
});

test("silence has to last: an answer, or a host that is gone, begins it anew", async () => {
  const script: Answer[] = ["silent", "answers", "silent", "gone", ...Array<Answer>(50).fill("silent")];
  let asked = 0;
  await untilSilent(async () => script[asked++] ?? "silent", { periodMs: 10, silenceMs: 60 });
  expect(asked, "the early silences alone were not enough").toBeGreaterThan(5);
});

test("libvirt answers, is silent, or is gone, by what its host says", async () => {
  operatorHome();
  const codes = [0, 124, 1];
  const host = await sshHost({ hostKey: keyPair(), answer: () => ({ code: codes.shift() ?? 0 }) });
  const ask = libvirtOf({ ...target, host: host.host, port: host.port });
  expect([await ask(), await ask(), await ask()]).toEqual(["answers", "silent", "gone"]);
  expect(host.dials(), "over one connection").toBe(1);
  await host.stop();
  expect(await ask()).toBe("gone");
});

test("a refresh that waits for others is told from one that waits for this plugin, and from everything else", async () => {
  const activity = new Activity();
  const patience = { periodMs: 5, silenceMs: 40 };
  activity.began("configure")();
  expect(activity.idleInRefreshMs(), "nothing was read yet").toBe(0);
  const [first, second] = [activity.began("read"), activity.began("read")];
  first();
  expect(activity.idleInRefreshMs(), "one read is at work").toBe(0);
  second();
  activity.began("diff")();
  await untilStuck(activity, patience);
  expect(activity.idleInRefreshMs()).toBeGreaterThanOrEqual(patience.silenceMs);
  activity.began("diffConfig")();
  expect(activity.idleInRefreshMs(), "the program runs").toBe(0);
});

test("the plugin counts what it is asked until it has answered", async () => {
  const activity = new Activity();
  const engine = await engineFor(toy().catalogue, { activity });
  await engine.configure({});
  await engine.read(toyType, "bear", { name: "bear", size: 1, stateVersion });
  expect(activity.idleInRefreshMs()).toBeGreaterThan(0);
  await engine.check(toyType, { name: "bear", size: 1 });
  expect(activity.idleInRefreshMs()).toBe(0);
});

test("only the libvirt provider of this engine is ended", async () => {
  const child = (name: string) => {
    const process = spawn("sleep", ["60"], { argv0: name, stdio: "ignore" });
    onTestFinished(() => void process.kill("SIGKILL"));
    return process;
  };
  const provider = child("/plugins/pulumi-resource-terraform-provider");
  const other = child("/plugins/pulumi-resource-holdfast");
  const ended = once(provider, "exit");
  // Another engine is one without children here: process 1 may have the real providers of whoever else works on this machine.
  expect(await endLibvirtProviders(other.pid ?? 0)).toBe(0);
  expect(await endLibvirtProviders(process.pid)).toBe(1);
  expect((await ended)[1]).toBe("SIGKILL");
  expect(other.exitCode ?? other.signalCode).toBeNull();
});
