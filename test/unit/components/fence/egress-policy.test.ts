/**
 * What the fence lets through, as it follows from the configuration, and the spelling of exceptions.
 *
 * Not proven here: that the rules hold (the lab ring does, with real frames).
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  exceptionProblem,
  isException,
  knownMachines,
  neverInternet,
  parseException,
  planEgress,
} from "../../../../components/fence/policy.ts";
import { tapName } from "../../../../components/fence/tap.ts";
import { fenceFiles } from "../../../../provider/fence/install.ts";
import { egressFence } from "../../../../provider/fence/script.ts";

const wish = {
  forgeUrl: "https://forge.example.org",
  dns: ["192.168.1.1"],
  allow: [],
  siteNetworks: ["203.0.113.0/24"],
  publicAddresses: [],
};

test.each([
  ["192.168.1.20", { host: "192.168.1.20", protocol: "any" }],
  ["10.9.0.0/24", { host: "10.9.0.0/24", protocol: "any" }],
  ["registry.example.org:5000", { host: "registry.example.org", protocol: "tcp", port: 5000 }],
  ["lan:registry.lab:5000", { host: "registry.lab", protocol: "tcp", port: 5000, lan: true }],
  ["lan", { host: "lan", protocol: "any" }],
  ["192.168.1.9:123/udp", { host: "192.168.1.9", protocol: "udp", port: 123 }],
])("%s is an exception", (text, expected) => {
  expect(isException(text)).toBe(true);
  expect(parseException(text)).toEqual(expected);
});

test.each([
  "",
  "300.1.1.1",
  "10.0.0.0/33",
  "host:0",
  "host:70000",
  "host:80/icmp",
  "fe80::1",
  "a b",
  "$(id)",
  "-x",
  "1.2.3",
  "lan:",
  "192.168.01.1",
])("%j is none", (text) => {
  expect(isException(text)).toBe(false);
  expect(() => parseException(text)).toThrow(/expected host/);
});

test.each([
  ["10.0.0.5/0", /at least 8/],
  ["8.0.0.0/7", /at least 8/],
  ["10.0.0.5/24", /10\.9\.0\.0\/24, not/],
  ["127.0.0.1", /loopback/],
  ["127.0.0.0/8", /loopback/],
  ["0.0.0.0", /unspecified/],
  ["169.254.169.254", /metadata/],
  ["169.254.0.0/24:80", /metadata/],
  ["100.64.0.0/10", /metadata/],
  ["168.63.129.16", /metadata/],
  ["224.0.0.251:5353/udp", /multicast/],
  ["255.255.255.255", /reserved/],
  ["lan:192.168.1.20", /name behind lan:/],
])("%s is refused, and it says why", (text, reason) => {
  expect(exceptionProblem(text)).toMatch(reason);
});

test("nothing that is accepted can leave its line of the settings or its word", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      if (isException(text)) expect(parseException(text).host).toMatch(/^[\w./-]+$/);
    }),
  );
});

test("the forge's port, the name servers and the exceptions are open; private networks and the site's own are closed", () => {
  const policy = planEgress({ ...wish, allow: ["192.168.1.20:5000"] });
  expect(policy.exceptions).toEqual([
    { host: "forge.example.org", protocol: "tcp", port: 443, lan: true },
    { host: "192.168.1.1", protocol: "any", port: 53 },
    { host: "192.168.1.20", protocol: "tcp", port: 5000 },
  ]);
  expect(policy.closed).toEqual([...neverInternet, "203.0.113.0/24"]);
  expect(policy.forge).toBe("forge.example.org");
});

test("the site's public addresses are closed, too", () => {
  const { closed } = planEgress({ ...wish, publicAddresses: ["198.51.100.7", "192.0.2.64/29"] });
  expect(closed).toEqual([...neverInternet, "203.0.113.0/24", "198.51.100.7/32", "192.0.2.64/29"]);
});

test("machines that a VM must not pass itself off as: the site's, name servers, the forge and single exceptions", () => {
  const policy = planEgress({ ...wish, allow: ["192.168.1.20:5000", "10.9.0.0/24"] });
  expect(knownMachines(policy, ["192.168.1.1", undefined, "fd00::2"])).toEqual([
    "192.168.1.1",
    "forge.example.org",
    "192.168.1.20",
  ]);
});

test("a tap's name is short enough for Linux, always the same, and another VM's is another", () => {
  const name = tapName("home.runners.crunchy", "runner-crunchy");
  expect(name).toMatch(/^hf[0-9a-f]{12}$/);
  expect(tapName("home.runners.crunchy", "runner-crunchy")).toBe(name);
  expect(tapName("home.runners.brix02", "runner-crunchy")).not.toBe(name);
});

test("without known name servers port 53 is open to all, and a forge's own port is kept", () => {
  const { exceptions } = planEgress({ ...wish, forgeUrl: "http://forge.lab:3000", dns: [] });
  expect(exceptions).toEqual([
    { host: "forge.lab", protocol: "tcp", port: 3000, lan: true },
    { host: "0.0.0.0/0", protocol: "any", port: 53 },
  ]);
});

test("both layers close the same and read the same exceptions; only the bridge knows the tap", () => {
  const policy = planEgress({ ...wish, allow: ["lan:registry.lab:5000", "example.org:22"] });
  const card = { layer: "bridge", mac: "52:54:00:aa:bb:cc", tap: "hf0123456789ab" } as const;
  const bridge = fenceFiles("home.runners.crunchy", card, policy);
  const vm = fenceFiles("runner", { layer: "vm" }, policy);
  type Files = typeof bridge;
  const settings = (files: Files) => files.find(({ path }) => path.endsWith("settings"))?.content ?? "";
  expect(settings(bridge)).toContain("table bridge holdfast_fence_home_runners_crunchy\n");
  expect(settings(bridge)).toContain("mac 52:54:00:aa:bb:cc\ntap fe:54:00:aa:bb:cc\nname hf0123456789ab\n");
  expect(settings(vm)).not.toMatch(/^(mac|tap|name) /m);
  const allowed = (text: string) => text.split("\n").filter((line) => line.startsWith("allow"));
  expect(allowed(settings(vm))).toEqual(allowed(settings(bridge)));
  expect(allowed(settings(vm))).toEqual([
    "allow forge.example.org tcp 443 lan",
    "allow 192.168.1.1 any 53 address",
    "allow registry.lab tcp 5000 lan",
    "allow example.org tcp 22 internet",
  ]);
  for (const files of [bridge, vm])
    expect(files.map(({ content }) => content).join()).toContain(neverInternet.join(", "));
  expect(vm.some(({ path }) => path.includes("libvirt"))).toBe(false);
});

test("the script never evaluates what it reads", () => {
  expect(egressFence.text).not.toMatch(/\beval\b|^\s*\.\s/m);
});
