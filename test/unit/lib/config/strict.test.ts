/**
 * Strict configuration: what is refused, how it is said, and that nothing said ever holds a value.
 *
 * Not proven here: that Pulumi hands over nested and secret keys in this form (the engine ring does that).
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { foundationConfig } from "../../../../foundation/config.ts";
import { choice, list, optional, secret, textField, wholeNumber, withDefault } from "../../../../lib/config/fields.ts";
import { ConfigError, type ConfigShape, parseConfig } from "../../../../lib/config/strict.ts";
import { runnersConfig } from "../../../../runners/config.ts";

const about = { description: "something", example: "something" };
const minimal = { "host.address": "192.0.2.1" };

const shape = {
  "host.address": textField(about, /^[\d.]+$/, "an address"),
  "host.port": withDefault(wholeNumber(about, 1, 65535), "22"),
  "vm.type": withDefault(choice(about, ["kvm", "qemu"]), "kvm"),
  token: optional(secret(textField(about, /^\S+$/, "a token without spaces"))),
};

/** What is said about a configuration that must be refused. */
function refusal(raw: Record<string, string>, of: ConfigShape = shape): string {
  try {
    parseConfig("toy", "crunchy", of, raw);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error("the configuration was accepted");
}

test("every problem is reported at once, each with its key, the stack and that nothing was changed", () => {
  const output = refusal({ "host.port": "0", "vm.type": "vmware", tokn: "x" });
  expect(output).toContain("stack crunchy");
  expect(output).toContain("nothing was changed");
  expect(output.split("\n").slice(1)).toEqual([
    "  - toy:tokn: is not a key of this project; did you mean token?",
    "  - toy:host.address: is required",
    "  - toy:host.port: expected a whole number from 1 to 65535",
    "  - toy:vm.type: expected one of kvm, qemu",
  ]);
});

test("an unknown key far from every known one gets no suggestion", () => {
  expect(refusal({ ...minimal, somethingElse: "x" })).toMatch(/toy:somethingElse: is not a key of this project$/);
});

test.each(["constructor", "toString", "__proto__", "hasOwnProperty"])("the unknown key %s is no exception", (key) => {
  const raw = Object.fromEntries([...Object.entries(minimal), [key, "x"]]);
  expect(refusal(raw)).toContain(`toy:${key}: is not a key of this project`);
});

test("a key set with --path is shown its flat form and how to remove the nested one", () => {
  const output = refusal({ host: '{"address":"192.0.2.1"}' });
  expect(output).toContain("toy:host: is nested (set with --path?)");
  expect(output).toContain("`pulumi config set host.address …`, `pulumi config set host.port …`");
  expect(output).toContain("`pulumi config rm host`");
});

test.each(["CHANGE_ME", "CHANGE_ME_NOW", "REPLACE_WITH_TOKEN", "YOUR_TOKEN", "https://CHANGE_ME.example.org"])(
  "the placeholder %s is refused, for an optional key too",
  (placeholder) => {
    expect(refusal({ ...minimal, token: placeholder })).toMatch(/toy:token: still holds a placeholder/);
  },
);

test("a placeholder deep in a structure is refused", () => {
  const raw = { "site.id": "home", authorities: '{"forge":{"url":"https://YOUR_FORGE"}}' };
  expect(refusal(raw, foundationConfig)).toContain("toy:authorities: still holds a placeholder");
});

test("keys that are left out get their defaults, optional ones nothing", () => {
  expect(parseConfig("toy", "crunchy", shape, minimal)).toEqual({
    "host.address": "192.0.2.1",
    "host.port": 22,
    "vm.type": "kvm",
    token: undefined,
  });
});

test("the runner stack needs a host address and nothing else; its defaults are the documented ones", () => {
  const config = parseConfig("runners", "crunchy", runnersConfig, minimal);
  expect(config).toMatchObject({
    "host.user": "root",
    "host.port": 22,
    "vm.bridge": "br0",
    "vm.pool": "images",
    "vm.type": "kvm",
    "vm.dns": [],
    "vm.packages": ["docker.io", "qemu-guest-agent"],
    "runner.labels": ["fenced"],
    "forge.scope": "",
    "forge.token": undefined,
  });
});

test("a list may be typed with commas or written as a list", () => {
  const labels = { labels: list(about, textField(about, /^[a-z:]+$/, "labels"), 1) };
  const parsed = (text: string) => parseConfig("toy", "crunchy", labels, { labels: text }).labels;
  expect(parsed("fenced, heavy:host,")).toEqual(["fenced", "heavy:host"]);
  expect(parsed('["fenced","heavy:host"]')).toEqual(["fenced", "heavy:host"]);
  expect(refusal({ labels: "[fenced" }, labels)).toContain("labels: expected a list");
  expect(refusal({ labels: "" }, labels)).toContain("labels: expected at least 1 entry");
  expect(refusal({ labels: "fenced,HEAVY" }, labels)).toContain("labels: 1: expected labels");
});

test("a structure names the field inside that does not fit", () => {
  const output = refusal(
    { "site.id": "home", networks: '[{"name":"lan","bridge":"br0","cidr":"10.0.0.0"}]' },
    foundationConfig,
  );
  expect(output).toContain("toy:networks: 0.cidr: expected an IPv4 network with prefix length");
  expect(refusal({ "site.id": "home", networks: "{lan" }, foundationConfig)).toContain("expected a structure");
});

test("a schema without documentation cannot be a field", () => {
  expect(() => secret(z.string())).toThrow("made by this module");
  expect(() => optional(z.string())).toThrow("made by this module");
});

/** Text that nobody could mistake for a part of a message. */
const secretText = fc.stringMatching(/^[A-Za-z0-9+/=_-]{20,44}$/);
/** Values of every odd form, each with a secret in it. */
const oddValue = secretText.chain((text) =>
  fc
    .constantFrom(
      text,
      `${text} `,
      `"${text}"`,
      `["${text}", 1]`,
      `{"forge":{"url":"${text}"}}`,
      `[{"name":"lan","bridge":"${text}","cidr":"${text}"}]`,
      `https://user:${text}@example.org`,
      `${text},${text}`,
      `CHANGE_ME${text}`,
      `{"${text}`,
      `[${text}`,
    )
    .map((value) => ({ text, value })),
);

test.each([
  ["runners", runnersConfig],
  ["foundation", foundationConfig],
] as const)("no error of the project %s ever holds a value, whatever its key", (_project, of) => {
  const keys = [...Object.keys(of), "unknown", "host", "vm", "forge.tokn"];
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...keys), oddValue), { minLength: 1, maxLength: 6 }), (entries) => {
      try {
        parseConfig("toy", "crunchy", of, Object.fromEntries(entries.map(([key, { value }]) => [key, value])));
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        for (const [, { text }] of entries) expect((error as Error).message).not.toContain(text);
      }
    }),
    { numRuns: 300 },
  );
});

test("nothing but a ConfigError is ever thrown, whatever stands in the stack file", () => {
  const anyKey = fc.oneof(fc.constantFrom(...Object.keys(runnersConfig)), fc.string());
  const anyText = fc.oneof(fc.string(), fc.json(), fc.string({ unit: "binary" }), fc.webUrl(), fc.ipV4());
  fc.assert(
    fc.property(fc.array(fc.tuple(anyKey, anyText), { maxLength: 8 }), (entries) => {
      try {
        parseConfig("toy", "crunchy", runnersConfig, Object.fromEntries(entries));
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    }),
    { numRuns: 500 },
  );
});

test("valid values come out as they went in", () => {
  const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}(:host|:docker:\/\/[a-z]{1,8}:[a-z0-9]{1,8})?$/);
  const valid = fc.record({
    "host.address": fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
    "host.port": fc.integer({ min: 1, max: 65535 }),
    "vm.name": fc.stringMatching(/^[a-z][a-z0-9-]{0,61}[a-z0-9]$/),
    "vm.ipCidr": fc
      .tuple(fc.ipV4(), fc.integer({ min: 1, max: 32 }))
      .map(([address, length]) => `${address}/${length}`),
    "vm.dns": fc.array(fc.ipV4(), { maxLength: 3 }),
    "vm.memoryMb": fc.integer({ min: 256, max: 16_777_216 }),
    "vm.type": fc.constantFrom("kvm" as const, "qemu" as const),
    "runner.labels": fc.array(label, { minLength: 1, maxLength: 4 }),
    "forge.token": fc.stringMatching(/^[0-9a-f]{40}$/),
  });
  fc.assert(
    fc.property(valid, fc.boolean(), (values, asJson) => {
      const typed = (value: unknown) =>
        Array.isArray(value) ? (asJson ? JSON.stringify(value) : value.join(",")) : String(value);
      const raw = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, typed(value)]));
      expect(parseConfig("runners", "crunchy", runnersConfig, raw)).toMatchObject(values);
    }),
  );
});

test.each([
  ["host.address", "999.1.1.1"],
  ["host.address", "-host"],
  ["host.port", "22.5"],
  ["host.port", "65536"],
  ["host.port", " 22"],
  ["forge.url", "ftp://forge.example.org"],
  ["forge.url", "https://me:pw@forge.example.org"],
  ["forge.url", "https://forge.example.org/?a=b"],
  ["forge.scope", "a/b/c"],
  ["forge.token", "two words"],
  ["vm.ipCidr", "192.0.2.1"],
  ["vm.ipCidr", "192.0.2.1/0"],
  ["vm.ipCidr", "192.0.2.1/33"],
  ["vm.name", "Upper"],
  ["vm.name", "ends-"],
  ["vm.bridge", "br0; reboot"],
  ["vm.image.sha256", "abc"],
  ["vm.packages", "docker.io,$(reboot)"],
  ["runner.image", "forgejo/runner"],
  ["runner.image", "forgejo/runner:12'; reboot"],
  ["runner.image", "forgejo/runner@sha256:abc"],
  ["runner.jobImage", "node"],
  ["runner.labels", "with space"],
  ["runner.labels", "fenced:docker://node"],
  ["runner.labels", "fenced:docker"],
  ["runner.labels", "fenced:host:more"],
  ["runner.labels", "fenced:somewhere"],
  ["host.hostKey", "not-a-key AAAA"],
])("%s refuses %j", (key, value) => {
  expect(refusal({ ...minimal, [key]: value }, runnersConfig)).toContain(`toy:${key}: `);
});

test("a base URL loses its trailing slashes and keeps its path", () => {
  const config = parseConfig("runners", "crunchy", runnersConfig, {
    ...minimal,
    "forge.url": "https://example.org/git//",
  });
  expect(config["forge.url"]).toBe("https://example.org/git");
});
