/**
 * What the plugin does on a hypervisor: reads addresses from `virsh domifaddr`, asks again until there is one, and installs
 * and removes the bridge rule for its owner alone. The hypervisor is an SSH stand-in that answers from a table.
 *
 * Not proven here: a real libvirt, systemd and iptables (the lab ring has them all).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bridgeForward } from "../../../../provider/host/bridge-forward.ts";
import { egressFence } from "../../../../provider/host/egress-fence.ts";
import { ownersDirectory, scriptPath } from "../../../../provider/host/forward-rule.ts";
import type { Operation } from "../../../../provider/kind.ts";
import { parseAddress, vmAddress } from "../../../../provider/runner/vm-address.ts";
import type { Catalogue } from "../../../../provider/server.ts";
import { engineFor, raw } from "../../../fixtures/provider-client.fixture.ts";
import { type Answer, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const agent = ` lo         00:00:00:00:00:00    ipv4         127.0.0.1/8
 -          -                    ipv6         ::1/128
 ens3       52:54:00:12:34:56    ipv4         192.0.2.16/24
 -          -                    ipv6         fe80::5054:ff:fe12:3456/64
 docker0    02:42:ac:11:00:02    ipv4         172.17.0.1/16
`;

test.each([
  ["the guest agent's list", agent, "192.0.2.16"],
  ["the neighbour table", " vnet0      52:54:00:12:34:56    ipv4         192.0.2.17/0\n", "192.0.2.17"],
  ["nothing", "\n", undefined],
  ["loopback alone", " lo  00:00:00:00:00:00  ipv4  127.0.0.1/8\n", undefined],
  ["a link-local address", " ens3  52:54:00:12:34:56  ipv4  169.254.3.4/16\n", undefined],
  ["IPv6 alone", " ens3  52:54:00:12:34:56  ipv6  2001:db8::16/64\n", undefined],
  ["docker's bridges before the card", ` docker0  02:42:ac:11:00:02  ipv4  172.17.0.1/16\n${agent}`, "192.0.2.16"],
  [
    "docker's second address",
    " docker0  02:42:ac:11:00:02  ipv4  172.17.0.1/16\n -  -  ipv4  172.18.0.1/16\n",
    undefined,
  ],
  ["a network of docker compose", " br-0a1b2c  02:42:ac:11:00:02  ipv4  172.20.0.1/16\n", undefined],
  ["a guest that says what is none", " ens3  52:54:00:12:34:56  ipv4  $(id)/24\n", undefined],
  ["an error", "error: Guest agent is not responding: QEMU guest agent is not connected\n", undefined],
])("from %s the VM's own address is taken, and nothing else", (_what, output, expected) => {
  expect(parseAddress(output)).toBe(expected);
});

const patience = { attempts: 4, pauseMs: 0, attemptMs: 5_000 };

async function hypervisor(answer: (command: string) => Answer) {
  operatorHome();
  const server = await sshHost({ answer });
  const host = { host: server.host, port: server.port, user: "root", stack: "runners/crunchy" };
  return { server, host };
}

test("a configured address is taken without asking anybody", async () => {
  const nobody = { host: "192.0.2.2", port: 1, user: "root", stack: "runners/crunchy" };
  expect(await vmAddress({ vm: { host: "192.0.2.16" }, hypervisor: nobody, domain: "vm" }, patience)).toMatchObject({
    host: "192.0.2.16",
  });
});

test("by DHCP the agent is asked first, the neighbour table second, until there is an address", async () => {
  let asked = 0;
  const { server, host } = await hypervisor(() => (++asked < 6 ? { code: 1 } : { stdout: agent }));
  expect(await vmAddress({ vm: {}, hypervisor: host, domain: "runner-02" }, patience)).toEqual({
    host: "192.0.2.16",
    source: "the hypervisor's neighbour table says so",
  });
  expect(server.received.slice(0, 2).map(({ command }) => command)).toEqual([
    "virsh -q -c qemu:///system domifaddr 'runner-02' --source agent",
    "virsh -q -c qemu:///system domifaddr 'runner-02' --source arp",
  ]);
});

test("no address within the bound is an error that says where to look", async () => {
  const { server, host } = await hypervisor(() => ({ code: 1 }));
  await expect(vmAddress({ vm: {}, hypervisor: host, domain: "runner-02" }, patience)).rejects.toThrow(
    "runner-02 got no address by DHCP; look at its console: virsh console runner-02 on 127.0.0.1, or set vm.ipCidr",
  );
  expect(server.received).toHaveLength(8);
});

test("a fence of release 0.1 and one of today are read with the inputs that each had, and no more", async () => {
  const { host } = await hypervisor(() => ({ stdout: "" }));
  const old = { host, owner: "home.runners.crunchy", mac: "52:54:00:aa:bb:cc", policy: { exceptions: [], closed: [] } };
  for (const inputs of [old, { ...old, tap: "hf0123456789ab", address: "192.0.2.16", known: [] }]) {
    const read = await egressFence.read("id", { ...inputs, drift: [], stateVersion: 1 }, {} as Operation);
    expect(read?.inputs).toEqual(inputs);
  }
});

const type = "holdfast:host:BridgeForward";
const owner = "home.runners.crunchy";
const catalogue = { version: "0", kinds: [bridgeForward], functions: [] } as unknown as Catalogue;

async function plugin() {
  return engineFor(catalogue);
}

test("installing writes the owner's file, script and units, starts the timer, and looks whether all is in force", async () => {
  const { server, host } = await hypervisor(() => ({}));
  const created = await (await plugin()).create(type, { host, bridge: "br0", owner });
  const commands = server.received.map(({ command }) => command);
  const written = server.received.find(({ command }) =>
    command.includes(`> '${ownersDirectory}/${owner}.holdfast-new'`),
  );
  expect(written?.stdin).toMatch(/^br0\n#!\/bin\/sh\n/);
  expect(written?.command).toContain(`mv -f '${scriptPath}.holdfast-new' '${scriptPath}'`);
  expect(commands.at(-2)).toContain(`systemctl enable --now libvirt-bridge-forward.timer && ${scriptPath}`);
  expect(commands.at(-1)).toContain(`${scriptPath} check br0`);
  expect(raw(created.getProperties())).toMatchObject({ bridge: "br0", owner, drift: [] });
});

test("what is not in force after installing is an error, in words", async () => {
  const { host } = await hypervisor((command) => (command.includes("check br0") ? { stdout: "3\n4\n" } : {}));
  await expect((await plugin()).create(type, { host, bridge: "br0", owner })).rejects.toThrow(
    "the rule for br0 is not in force; libvirt-bridge-forward.timer does not run; look at `systemctl status",
  );
});

test("a refresh reports in words what is no longer in force", async () => {
  let broken = false;
  const { host } = await hypervisor((command) => (broken && command.includes("check br0") ? { stdout: "3\n6\n" } : {}));
  const engine = await plugin();
  const inputs = { host, bridge: "br0", owner };
  const created = await engine.create(type, inputs);
  broken = true;
  const read = await engine.read(type, created.getId(), raw(created.getProperties()), inputs);
  expect(raw(read.getProperties()).drift).toEqual([
    "the rule for br0 is not in force",
    `${ownersDirectory}/${owner} is missing`,
  ]);
});

test("another bridge closes the one that was open before", async () => {
  const { server, host } = await hypervisor(() => ({}));
  const engine = await plugin();
  const created = await engine.create(type, { host, bridge: "br0", owner });
  const before = server.received.length;
  await engine.update(type, raw(created.getProperties()), { host, bridge: "br1", owner });
  const commands = server.received.slice(before).map(({ command }) => command);
  const removal = commands.findIndex((command) => command.includes("remove-bridge-forward.sh 'br0'"));
  expect(removal).toBeGreaterThanOrEqual(0);
  expect(commands.findIndex((command) => command.includes(`${scriptPath} check br1`))).toBeGreaterThan(removal);
});

test("the same bridge again, to mend drift, is not closed in between", async () => {
  const { server, host } = await hypervisor(() => ({}));
  const engine = await plugin();
  const inputs = { host, bridge: "br0", owner };
  const created = await engine.create(type, inputs);
  await engine.update(type, raw(created.getProperties()), inputs);
  expect(server.received.filter(({ command }) => command.includes(" remove "))).toEqual([]);
});

test("removing takes the owner's file first, and rule and timer only when no other owner needs them", async () => {
  const { server, host } = await hypervisor(() => ({}));
  const engine = await plugin();
  const created = await engine.create(type, { host, bridge: "br.0", owner });
  await engine.delete(type, created.getId(), raw(created.getProperties()));
  expect(server.received.at(-1)?.command).toMatch(new RegExp(`remove-bridge-forward.sh 'br\\.0' '${owner}'$`));
  const script = readFileSync(join(import.meta.dirname, "../../../../provider/host/remove-bridge-forward.sh"), "utf8");
  const order = ['rm -f "$owners/$2"', "grep -rqxF", '"$program" remove "$1"', "ls -A", "disable --now"];
  const places = order.map((part) => script.indexOf(part));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places).not.toContain(-1);
});
