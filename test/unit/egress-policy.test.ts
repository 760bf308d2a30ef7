/**
 * What the fence lets through, as it follows from the configuration, and the spelling of exceptions.
 *
 * Not proven here: that the rules hold (the lab ring does, with real frames).
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { isException, neverInternet, parseException, planEgress } from "../../components/fence/policy.ts";
import { fenceFiles, script } from "../../components/fence/rules.ts";

const wish = {
  forgeUrl: "https://forge.example.org",
  dns: ["192.168.1.1"],
  allow: [],
  siteNetworks: ["203.0.113.0/24"],
};

test.each([
  ["192.168.1.20", { host: "192.168.1.20", protocol: "any" }],
  ["10.9.0.0/24", { host: "10.9.0.0/24", protocol: "any" }],
  ["registry.lab:5000", { host: "registry.lab", protocol: "tcp", port: 5000 }],
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
])("%j is none", (text) => {
  expect(isException(text)).toBe(false);
  expect(() => parseException(text)).toThrow(/expected host/);
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
    { host: "forge.example.org", protocol: "tcp", port: 443 },
    { host: "192.168.1.1", protocol: "any", port: 53 },
    { host: "192.168.1.20", protocol: "tcp", port: 5000 },
  ]);
  expect(policy.closed).toEqual([...neverInternet, "203.0.113.0/24"]);
});

test("without known name servers port 53 is open to all, and a forge's own port is kept", () => {
  const { exceptions } = planEgress({ ...wish, forgeUrl: "http://forge.lab:3000", dns: [] });
  expect(exceptions).toEqual([
    { host: "forge.lab", protocol: "tcp", port: 3000 },
    { host: "0.0.0.0/0", protocol: "any", port: 53 },
  ]);
});

test("both layers close the same and read the same exceptions; only the bridge knows the tap", () => {
  const policy = planEgress(wish);
  const bridge = fenceFiles("home.runners.crunchy", { layer: "bridge", mac: "52:54:00:aa:bb:cc" }, policy);
  const vm = fenceFiles("runner", { layer: "vm" }, policy);
  const settings = (files: Record<string, string>) =>
    Object.entries(files).find(([path]) => path.endsWith("settings"))?.[1] ?? "";
  expect(settings(bridge)).toContain("table bridge holdfast_fence_home_runners_crunchy\ntap fe:54:00:aa:bb:cc\n");
  expect(settings(vm)).not.toContain("tap");
  const allowed = (text: string) => text.split("\n").filter((line) => line.startsWith("allow"));
  expect(allowed(settings(vm))).toEqual(allowed(settings(bridge)));
  for (const files of [bridge, vm]) expect(Object.values(files).join()).toContain(neverInternet.join(", "));
});

test("the script never evaluates what it reads", () => {
  expect(script()).not.toMatch(/\beval\b|^\s*\.\s/m);
});
