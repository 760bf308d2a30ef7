/**
 * Who is taken for a runner's VM: not whom the guest names. Hypervisor, VM and victim are SSH stand-ins on addresses of
 * loopback; the victim takes the operator's key, as machines of one operator do.
 *
 * Not proven here: a real guest agent, a real relay (test/lab/hostile-guest.test.ts has both), sshd reading its new key.
 */
import { expect, test } from "vitest";
import { connect, impatient } from "../../../../lib/ssh/connection.ts";
import { HostKeyMismatch } from "../../../../lib/ssh/dial.ts";
import { type HostKey, knownHostsFile, recordedKeys, recordKey } from "../../../../lib/ssh/known-hosts.ts";
import { ssh2 } from "../../../../lib/ssh/package.ts";
import type { Operation } from "../../../../provider/kind.ts";
import { parseLook } from "../../../../provider/runner/hypervisor-look.ts";
import { dialVm, type Judges, type Located, refuseAddress } from "../../../../provider/runner/vm-dial.ts";
import { exchangeHostKey, forgetGoneVms, vmKeysDirectory } from "../../../../provider/runner/vm-host-key.ts";
import { keyPair, operatorHome, type StandIn, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

/** Loopback is refused as a VM's address, and is all that these tests have. The real agent is never heard on it either. */
const refuse: Judges["refuse"] = (address, taken) => (taken[address] ? `${address} is ${taken[address]}` : undefined);
const judgesWith = (says: string): Judges => ({
  refuse,
  locate: async ({ vm }) =>
    vm.host ? { host: vm.host, source: "vm.ipCidr says so" } : { host: says, source: "its guest agent says so" },
});

const stack = "runners/crunchy";
const vmHost = "127.0.0.15";
const victimHost = "127.0.0.3";

interface Scene {
  inputs: Located;
  vm: StandIn;
  victim: StandIn;
  hypervisor: StandIn;
  operation: Operation;
  judges: Judges;
  first: { public: string };
}

/** @param says what the guest agent says of the VM's address; without it the address is configured. */
async function scene(
  options: { says?: string; answersWith?: { private: string }; kept?: string[] } = {},
): Promise<Scene> {
  operatorHome();
  const first = keyPair();
  const vm = await sshHost({ address: vmHost, hostKey: options.answersWith ?? first });
  const victim = await sshHost({ address: victimHost, port: vm.port, hostKey: keyPair() });
  const kept = (options.kept ?? []).map((key) => `key ${key}\n`).join("");
  const hypervisor = await sshHost({
    answer: (command) =>
      command.includes(vmKeysDirectory) ? { stdout: `${kept}own 127.0.0.10\ngateway 127.0.0.254\n` } : { code: 1 },
  });
  const host = options.says ? {} : { host: vmHost };
  return {
    ...{ vm, victim, hypervisor, first, judges: judgesWith(options.says ?? "") },
    inputs: {
      vm: { ...host, port: vm.port, user: "root", hostKey: `${first.public} runner-02`, stack },
      hypervisor: { host: hypervisor.host, port: hypervisor.port, user: "root", stack },
      ...{ domain: "runner-02", forgeUrl: "http://127.0.0.4:3000", dialErrorLimit: 1 },
    },
    operation: {
      ...{
        urn: "",
        signal: new AbortController().signal,
        log() {},
        recordVersion() {},
        attachEvidence: () => undefined,
        appendEvidence() {},
      },
      config: { siteAddresses: { "127.0.0.20": "Proxmox VE" } },
    },
  };
}

function dials({ inputs, operation, judges }: Scene, hostKey?: string) {
  return dialVm(inputs, hostKey as HostKey, operation, judges);
}

function refused(all: Scene, hostKey?: string): Promise<Error> {
  return dials(all, hostKey).then(
    () => new Error("it was let in"),
    (error: Error) => error,
  );
}

test("a key that the state knows is the only one; the guest is not asked for another", async () => {
  const known = keyPair();
  const all = await scene({ answersWith: keyPair(), kept: [keyPair().public] });
  const error = await refused(all, known.public);
  expect(error).toBeInstanceOf(HostKeyMismatch);
  expect(error.message).toContain(`expected ${known.public}`);
  expect(error.message).toContain("npx holdfast trust runners/crunchy");
  expect(error.message).toContain("runner-02 shows another host key (at that address because vm.ipCidr says so)");
  expect(all.vm.received).toEqual([]);
  expect(all.hypervisor.received.map(({ command }) => command).join("\n")).not.toContain("agent");
});

test("neither the first key nor one that was kept is taken from a VM whose key the state knows", async () => {
  const all = await scene();
  expect(await refused(all, keyPair().public)).toBeInstanceOf(HostKeyMismatch);
  const [own, kept] = [keyPair(), keyPair()];
  const other = await scene({ answersWith: kept, kept: [kept.public] });
  expect(await refused(other, own.public)).toBeInstanceOf(HostKeyMismatch);
});

test("a VM whose key no state knows answers with its first one, or with one that was kept for it, and no other", async () => {
  const fresh = await scene({ kept: [keyPair().public] });
  const connection = await dials(fresh);
  expect(connection.target.hostKey).toBe(fresh.first.public);
  connection.close();
  const kept = keyPair();
  const interrupted = await scene({ answersWith: kept, kept: [keyPair().public, kept.public] });
  const again = await dials(interrupted);
  expect(again.target.hostKey).toBe(kept.public);
  again.close();
  const stranger = await scene({ answersWith: keyPair(), kept: [keyPair().public] });
  expect(await refused(stranger)).toBeInstanceOf(HostKeyMismatch);
  expect(stranger.vm.received).toEqual([]);
});

test("an address that the agent says leads to nobody who has not the VM's key, although he lets the operator in", async () => {
  const all = await scene({ says: victimHost });
  const error = await refused(all, keyPair().public);
  expect(error).toBeInstanceOf(HostKeyMismatch);
  expect(error.message).toContain("because its guest agent says so");
  expect(all.victim.dials()).toBe(1);
  expect(all.victim.received).toEqual([]);
});

test.each([
  ["127.0.0.4", "the forge"],
  ["127.0.0.1", "the hypervisor"],
  ["127.0.0.10", "the hypervisor"],
  ["127.0.0.254", "the gateway of the hypervisor"],
  ["127.0.0.20", "Proxmox VE"],
])("an agent that says %s is told that this is %s; nobody is dialled", async (says, whose) => {
  const all = await scene({ says });
  const error = await refused(all, keyPair().public);
  expect(error.message).toContain(`runner-02 cannot be at ${says} (its guest agent says so): ${says} is ${whose}`);
  expect(error.message).toContain("Nothing was dialled there");
  expect([all.vm.dials(), all.victim.dials()]).toEqual([0, 0]);
});

test("an agent that says another stack's machine is refused before it is dialled, whatever key it has", async () => {
  const all = await scene({ says: victimHost });
  recordKey(knownHostsFile("platform-vm/dev"), victimHost, all.victim.port, keyPair().public as HostKey);
  expect((await refused(all, keyPair().public)).message).toContain(
    `${victimHost} is a machine that platform-vm/dev knows`,
  );
  expect(all.victim.dials()).toBe(0);
});

test.each([
  ["198.51.100.20", "Proxmox VE"],
  ["127.0.0.1", "this workstation"],
])("an address from the state that is another machine's is refused, too: %s", async (host, whose) => {
  const { inputs, operation } = await scene();
  const config = { siteAddresses: { "198.51.100.20": "Proxmox VE" } };
  const elsewhere = { ...inputs, hypervisor: { ...inputs.hypervisor, host: "198.51.100.10" } };
  await expect(refuseAddress(elsewhere, host, { ...operation, config })).rejects.toThrow(
    `runner-02 cannot be at ${host} (the state says so): ${host} is ${whose}`,
  );
});

test("the VM's own key is made here: kept first, its private half sent by standard input, nothing that the VM says counts", async () => {
  operatorHome();
  const order: string[] = [];
  const liar = keyPair().public;
  const vm = await sshHost({
    address: vmHost,
    answer: (command) => {
      order.push(command.includes("head -c") ? "written" : "sshd");
      return { stdout: `${liar}\n` };
    },
  });
  const connection = await connect({ host: vmHost, port: vm.port, user: "root", stack }, impatient);
  const key = await exchangeHostKey(connection, async () => void order.push("kept"));
  connection.close();
  expect(order).toEqual(["kept", "written", "sshd"]);
  const [{ command, stdin } = { command: "", stdin: "" }] = vm.received;
  expect(command).not.toContain("PRIVATE");
  const parsed = ssh2().utils.parseKey(
    stdin.slice(0, stdin.indexOf("-----END")) + stdin.slice(stdin.indexOf("-----END")).split("\n")[0],
  );
  if (parsed instanceof Error) throw parsed;
  expect(key).toBe(`ssh-ed25519 ${parsed.getPublicSSH().toString("base64")}`);
  expect(key).not.toBe(liar);
  expect(recordedKeys(knownHostsFile(stack), vmHost, vm.port)).toEqual([key]);
});

test("a key that could not be kept is not given to the VM", async () => {
  operatorHome();
  const vm = await sshHost({ address: vmHost });
  const connection = await connect({ host: vmHost, port: vm.port, user: "root", stack }, impatient);
  await expect(exchangeHostKey(connection, () => Promise.reject(new Error("disk full")))).rejects.toThrow("disk full");
  connection.close();
  expect(vm.received).toEqual([]);
});

test("of what a hypervisor keeps, only whole keys count", () => {
  const { public: key } = keyPair();
  const look = parseLook(
    `key ${key}\nkey ssh-ed25519 AAAA;id\nkey \nown 192.0.2.10\nown ::1\ngateway 192.0.2.1\ndns 192.0.2.1\nother x\n`,
  );
  expect(look.keys).toEqual([key]);
  expect(look.taken).toEqual({
    "192.0.2.10": "the hypervisor",
    "::1": "the hypervisor",
    "192.0.2.1": "the gateway of the hypervisor",
  });
});

test("what is kept goes with its domain, and stays where libvirt does not answer", () => {
  expect(forgetGoneVms.text).toContain("&& names=$(timeout 10 virsh");
});
