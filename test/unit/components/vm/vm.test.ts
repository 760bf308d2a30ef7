/**
 * Decisions about a VM: names, card, network arithmetic, and the cloud-init documents, which must say to cloud-init what
 * was given to them.
 *
 * Not proven here: that cloud-init accepts the keys (the lab ring asks the real `cloud-init schema`).
 */
import fc from "fast-check";
import ssh2 from "ssh2";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { type Machine, metaData, networkConfig, userData } from "../../../../components/vm/cloud-init.ts";
import { macAddress, planNetwork, vmNames } from "../../../../components/vm/plan.ts";
import { contains } from "../../../../lib/network/ipv4.ts";
import { generateKeyPair } from "../../../../lib/ssh/key-pair.ts";

const address = fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 0, max: 255 })));
const dotted = (octets: number[]) => octets.join(".");
/** An address as 32 bits, by other means than the code under test uses. */
const bits = (octets: number[]) => octets.map((octet) => octet.toString(2).padStart(8, "0")).join("");

test("an address is in a network when their first bits are the same", () => {
  fc.assert(
    fc.property(address, address, fc.integer({ min: 1, max: 32 }), (base, other, length) => {
      const same = bits(base).slice(0, length) === bits(other).slice(0, length);
      expect(contains(`${dotted(base)}/${length}`, dotted(other))).toBe(same);
      expect(contains(`${dotted(base)}/${length}`, dotted(base))).toBe(true);
    }),
  );
});

test("a static address is accepted exactly when it is no edge, inside, and not the gateway's", () => {
  fc.assert(
    fc.property(address, fc.integer({ min: 8, max: 32 }), fc.boolean(), (octets, length, own) => {
      const gateway = own ? dotted(octets) : dotted([...octets.slice(0, 3), (octets[3] ?? 0) ^ 1]);
      const inside = contains(`${dotted(octets)}/${length}`, gateway);
      const host = bits(octets).slice(length);
      const edge = length < 31 && (!host.includes("1") || !host.includes("0"));
      const planned = planNetwork({ cidr: `${dotted(octets)}/${length}`, gateway, dns: [] }, undefined);
      expect("network" in planned).toBe(inside && !edge && !own);
    }),
  );
});

test("both addresses of a /31 can be used", () => {
  for (const cidr of ["192.0.2.0/31", "192.0.2.1/31"]) {
    const gateway = cidr.startsWith("192.0.2.0") ? "192.0.2.1" : "192.0.2.0";
    expect(planNetwork({ cidr, gateway, dns: [] }, undefined)).toHaveProperty("network");
  }
});

test("a card's address is stable, local, for one machine, and differs between owners and between names", () => {
  expect(macAddress("home.runners.crunchy", "runner-02")).toBe(macAddress("home.runners.crunchy", "runner-02"));
  const text = fc.string({ minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(text, text, (owner, vm) => {
      const mac = macAddress(owner, vm);
      expect(mac).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/);
      const first = Number.parseInt(mac.slice(0, 2), 16);
      expect(first & 0b11, "locally administered, unicast").toBe(0b10);
    }),
  );
  const cards = ["a", "b"].flatMap((owner) => ["c", "d", "cd"].map((vm) => macAddress(owner, vm)));
  expect(new Set([...cards, macAddress("ac", "d")]).size).toBe(7);
});

test("the base volume is named after the image, root and seed after the VM alone", () => {
  const one = vmNames("runner-02", "a".repeat(64));
  const other = vmNames("runner-02", "b".repeat(64));
  expect(one).toEqual({
    base: "runner-02-base-aaaaaaaaaaaa.qcow2",
    root: "runner-02.qcow2",
    seed: "runner-02-seed.iso",
  });
  expect(other.base).not.toBe(one.base);
  expect({ ...other, base: "" }).toEqual({ ...one, base: "" });
});

const { privateKey, publicKey } = generateKeyPair("runner-02");
const hostKey = { private: privateKey, public: publicKey };
/** Names that YAML 1.1, which cloud-init reads, could take for something else, and ordinary ones. */
const name = fc.oneof(
  fc.constantFrom("on", "off", "yes", "no", "null", "true", "y", "n", "1e3", "0x1f", "012", "1:30", "~", "2024-01-01"),
  fc.stringMatching(/^[a-z][a-z0-9-]{0,61}[a-z0-9]$/),
);
const machine: fc.Arbitrary<Machine> = fc.record(
  {
    hostName: name,
    authorizedKeys: fc.array(
      fc.string({ maxLength: 90 }).map((comment) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ${comment}`),
      { maxLength: 3 },
    ),
    hostKey: fc.constant({ privateKey: hostKey.private, publicKey: hostKey.public }),
    packages: fc.array(name, { maxLength: 3 }),
    services: fc.array(name, { maxLength: 3 }),
  },
  { noNullPrototype: true },
);

test("user data reads, as YAML 1.1 and as 1.2, what went in", () => {
  fc.assert(
    fc.property(machine, (given) => {
      const text = userData(given);
      expect(text.startsWith("#cloud-config\n")).toBe(true);
      for (const version of ["1.1", "1.2"] as const) {
        expect(parse(text, { version })).toMatchObject({
          hostname: given.hostName,
          users: [{ name: "root", lock_passwd: true, ssh_authorized_keys: given.authorizedKeys }],
          packages: given.packages,
          runcmd: given.services?.map((service) => ["systemctl", "enable", "--now", service]),
        });
        expect(parse(metaData(given.hostName), { version })).toEqual({
          "instance-id": given.hostName,
          "local-hostname": given.hostName,
        });
      }
    }),
  );
});

const sample: Machine = {
  hostName: "runner-02",
  authorizedKeys: ["ssh-ed25519 AAAA operator"],
  hostKey: { privateKey: hostKey.private.trimEnd(), publicKey: hostKey.public },
  packages: ["docker.io"],
  services: [],
};

test("the private host key arrives whole: the same lines, a newline at the end, and the key of its public half", () => {
  const delivered = parse(userData(sample)).ssh_keys;
  expect(delivered.ed25519_private).toBe(`${hostKey.private.trimEnd()}\n`);
  const key = ssh2.utils.parseKey(delivered.ed25519_private);
  if (key instanceof Error) throw key;
  expect(delivered.ed25519_public).toContain(key.getPublicSSH().toString("base64"));
});

test("root is locked and opened by keys alone; no password stands anywhere", () => {
  const text = userData(sample);
  const config = parse(text);
  expect(config).toMatchObject({ disable_root: false, ssh_pwauth: false, ssh_deletekeys: true });
  expect(config.users).toEqual([{ name: "root", lock_passwd: true, ssh_authorized_keys: sample.authorizedKeys }]);
  expect(Object.keys(config)).not.toEqual(expect.arrayContaining([expect.stringMatching(/chpasswd|password/)]));
  expect(text.replace("lock_passwd", "")).not.toMatch(/passw/i);
});

test("a machine knows its full name where it has a domain, and nothing of one otherwise", () => {
  const named = { fqdn: "runner-02.corp.example", manage_etc_hosts: true };
  expect(parse(userData({ ...sample, domain: "corp.example" }))).toMatchObject({ hostname: "runner-02", ...named });
  for (const key of Object.keys(named)) expect(parse(userData(sample))).not.toHaveProperty(key);
});

test("by DHCP the card asks for its address; name servers are named only where they were given", () => {
  expect(parse(networkConfig({ kind: "dhcp", dns: [] }))).toEqual({
    version: 2,
    ethernets: { lan: { match: { name: "e*" }, dhcp4: true, "dhcp-identifier": "mac" } },
  });
  expect(parse(networkConfig({ kind: "dhcp", dns: ["9.9.9.9"] })).ethernets.lan.nameservers).toEqual({
    addresses: ["9.9.9.9"],
  });
});

test("a static address comes with its route and without DHCP", () => {
  const network = { kind: "static", cidr: "192.0.2.16/24", gateway: "192.0.2.1", dns: ["192.0.2.53"] } as const;
  expect(parse(networkConfig({ ...network, dns: [...network.dns] })).ethernets.lan).toEqual({
    match: { name: "e*" },
    dhcp4: false,
    addresses: ["192.0.2.16/24"],
    routes: [{ to: "default", via: "192.0.2.1" }],
    nameservers: { addresses: ["192.0.2.53"] },
  });
});
