/**
 * Which host keys a stack's machines have to show, where another one is put in their place, and looking at the one that a machine
 * shows without logging in. Not proven here: the command itself, which test/lab/hostile-guest.test.ts runs.
 */
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { StateResource } from "../../../../cli/stack.ts";
import { pinnedBy, replaceKey, trustedBy } from "../../../../cli/trust/trusted-keys.ts";
import type { HostKey } from "../../../../lib/ssh/known-hosts.ts";
import { shownKey } from "../../../../lib/ssh/shown-key.ts";
import { keyPair, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const stack = "runners/crunchy";
const key = (name: string) => `ssh-ed25519 ${name}` as HostKey;

function state() {
  const host = { host: "192.0.2.10", port: 22, user: "root", stack };
  const service = {
    ...{ vm: { port: 22, user: "root", hostKey: "ssh-ed25519 FIRST vm", stack }, hypervisor: host },
    ...{ address: "192.0.2.15", hostKey: "ssh-ed25519 OWN" },
  };
  return [
    resource("pulumi:providers:holdfast", "holdfast", { hypervisors: [{ ...host, hostKey: "ssh-ed25519 HOST" }] }),
    resource("holdfast:host:BridgeForward", "bridge-forward", { host }),
    { ...resource("holdfast:runner:Service", "runner-service", service), inputs: { vm: service.vm } },
  ];
}

function resource(type: string, name: string, outputs: object): StateResource & { inputs?: unknown } {
  return { urn: `urn:pulumi:crunchy::runners::${type}::${name}`, type, outputs, inputs: structuredClone(outputs) };
}

test("the state's keys go before what this workstation has met", () => {
  const recorded = [
    { pattern: "192.0.2.15", key: key("MET") },
    { pattern: "[192.0.2.3]:222", key: key("FORGE") },
  ];
  expect(trustedBy(stack, recorded, state())).toEqual([
    { host: "192.0.2.10", port: 22, key: key("HOST"), stack },
    { host: "192.0.2.15", port: 22, key: key("OWN"), stack },
    { host: "192.0.2.3", port: 222, key: key("FORGE"), stack },
  ]);
});

test("a VM without a key of its own yet has to show its first one", () => {
  const service = state()[2] as StateResource;
  delete (service.outputs as { hostKey?: string }).hostKey;
  expect(trustedBy(stack, [], [service])[0]).toMatchObject({ key: key("FIRST") });
});

test("another key goes to where the state has the old one, and nowhere else", () => {
  const resources = state();
  const before = structuredClone(resources);
  expect(replaceKey(resources, { host: "192.0.2.15", port: 22, key: key("OWN"), stack }, key("NEW"))).toBe(1);
  expect(resources[2]?.outputs).toMatchObject({ hostKey: key("NEW"), vm: { hostKey: "ssh-ed25519 FIRST vm" } });
  expect(resources.slice(0, 2)).toEqual(before.slice(0, 2));
  expect(replaceKey(resources, { host: "192.0.2.10", port: 22, key: key("HOST"), stack }, key("NEXT"))).toBe(1);
  for (const half of [resources[0]?.outputs, resources[0]?.inputs])
    expect(half).toMatchObject({ hypervisors: [{ hostKey: key("NEXT") }] });
});

test("a key that the program itself gives is not replaced behind its back", () => {
  const resources = state();
  const hypervisor = { host: "192.0.2.10", port: 22, key: key("HOST"), stack };
  expect(pinnedBy(resources, hypervisor)).toEqual([]);
  expect(pinnedBy(resources, { ...hypervisor, host: "192.0.2.15" })).toEqual([]);
  const host = { host: "192.0.2.10", port: 22, user: "root", hostKey: "ssh-ed25519 HOST", stack };
  resources.push(resource("holdfast:host:EgressFence", "egress-fence", { host }));
  expect(pinnedBy(resources, hypervisor)).toEqual(["egress-fence"]);
});

test("the key that a machine shows is seen without a login, of the known kind first", async () => {
  operatorHome();
  const hostKey = keyPair();
  const server = await sshHost({ hostKey, allowed: keyPair().public });
  expect(await shownKey(server.host, server.port, 5)).toBe(hostKey.public);
  expect(await shownKey(server.host, server.port, 5, key("x"))).toBe(hostKey.public);
  expect(server.received).toEqual([]);
});

test("a machine that says nothing is given up within the bound, one that is not there at once", async () => {
  const mute = createServer();
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void mute.close());
  const { port } = mute.address() as { port: number };
  await expect(shownKey("127.0.0.1", port, 0.1)).rejects.toThrow("no answer within 0.1 s");
  const gone = await sshHost();
  await gone.stop();
  await expect(shownKey(gone.host, gone.port, 5)).rejects.toThrow("ECONNREFUSED");
});
