/**
 * Both ends of each contract: what the producer makes is what the consumer reads; what does not fit is refused with the
 * name of its field; nothing in a contract can hold a secret.
 *
 * Contracts travel by file here. That a StackReference carries the same value is proven in the engine ring.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { type Contract, consume, produce } from "../../../../lib/contracts/contract.ts";
import { fleetContract } from "../../../../lib/contracts/fleet.ts";
import { runnerContract } from "../../../../lib/contracts/runner.ts";
import { type Site, siteContract } from "../../../../lib/contracts/site.ts";
import { templatesContract } from "../../../../lib/contracts/templates.ts";
import * as arbitrary from "../../../fixtures/contracts.arbitrary.ts";

const directory = mkdtempSync(join(tmpdir(), "holdfast-contracts-"));
let files = 0;

/** Writes a contract file as `pulumi stack output … --json` does, and gives its path. */
function fileWith(content: string): string {
  const path = join(directory, `${files++}.json`);
  writeFileSync(path, content);
  return path;
}

const sampleSite = {
  contract: "site@1" as const,
  siteId: "home",
  env: "dev",
  zone: "lan",
  networks: [{ name: "lan", bridge: "br0", cidr: "192.0.2.0/24", dns: [] }],
  authorities: { forge: { url: "https://forge.example.org", secretKey: "forge.token" } },
  gcpProjects: {},
  naming: {},
} satisfies Site;
const sampleFleet = {
  contract: "fleet@1",
  host: "192.0.2.2",
  address: "192.0.2.16",
  runner: { uuid: "0b1e", name: "runner-02", labels: ["fenced"], forgeUrl: "https://forge.example.org" },
  mode: "active",
} as const;
const sampleTemplates = {
  contract: "templates@1",
  templates: {
    "debian-12": { vmId: 9000, name: "debian-12-template", node: "pve1", digest: `sha512:${"ab".repeat(64)}` },
  },
} as const;

const sampleRunner = {
  contract: "runner@1",
  env: "dev",
  place: "onprem",
  failureDomain: "lab-1",
  direction: "failback",
  vm: { key: "runner-01", name: "platform-shared-runner-01", address: "192.0.2.15", identity: "sha256:0b1e" },
  access: { user: "opsadmin", port: 22, hostKey: "", direct: true, knownHosts: "platform-vm/dev-runner" },
  prefix: "/opt/hybridops/core",
  releaseDigest: "",
  capability: "absent",
  status: "absent",
  evidenceDir: "",
  runId: "",
} as const;

const pairs = [
  ["site@1", siteContract, arbitrary.site, sampleSite],
  ["fleet@1", fleetContract, arbitrary.fleet, sampleFleet],
  ["templates@1", templatesContract, arbitrary.templates, sampleTemplates],
  ["runner@1", runnerContract, arbitrary.runner, sampleRunner],
] as unknown as [string, Contract<z.ZodType<object, object>>, fc.Arbitrary<object>, Record<string, unknown>][];

test.each(pairs)("%s: what the producer makes is what the consumer reads", async (_name, contract, values) => {
  await fc.assert(
    fc.asyncProperty(values, async (value) => {
      const made = produce(contract, value);
      expect(await consume(contract, { file: fileWith(JSON.stringify(made)) })).toEqual(made);
      expect(made).toMatchObject(value);
    }),
    { numRuns: 60 },
  );
});

test.each(pairs)(
  "%s: a field that it does not know is refused by name, at both ends",
  async (_name, contract, _values, sample) => {
    const odd = { ...sample, surprise: 1 };
    expect(() => produce(contract, odd)).toThrow(/this stack would export something that is not .*@1:\n.*"surprise"/);
    const file = fileWith(JSON.stringify(odd));
    await expect(consume(contract, { file })).rejects.toThrow(
      /file .* holds something that is not .*@1:\n.*"surprise"/,
    );
  },
);

test.each(pairs)("%s: another version is refused and names both", async (name, contract, _values, sample) => {
  const file = fileWith(JSON.stringify({ ...sample, contract: name.replace("@1", "@2") }));
  await expect(consume(contract, { file })).rejects.toThrow(
    `${contract.output}.contract: Invalid input: expected "${name}"`,
  );
});

test.each(pairs)("%s: each missing field is named", async (_name, contract, _values, sample) => {
  for (const field of Object.keys(sample)) {
    const file = fileWith(JSON.stringify({ ...sample, [field]: undefined }));
    await expect(consume(contract, { file })).rejects.toThrow(`  - ${contract.output}.${field}: `);
  }
});

test("every field that does not fit is listed, deep ones with their path", () => {
  const networks = [{ name: "lan", bridge: "a bridge", cidr: "192.0.2.0", dns: [] }];
  expect(() => produce(siteContract, { ...sampleSite, siteId: "Home", networks })).toThrow(
    /site\.siteId: expected lower-case(.|\n)*site\.networks\.0\.bridge: expected(.|\n)*site\.networks\.0\.cidr: expected/,
  );
});

test("no source named means no contract", async () => {
  expect(await consume(siteContract, {})).toBeUndefined();
});

test("a file that is not there is named, with the command that writes it", async () => {
  await expect(consume(siteContract, { file: "/nowhere/site.json" })).rejects.toThrow(
    "there is no contract file /nowhere/site.json; write it on the producer's side: pulumi stack output site --json > /nowhere/site.json",
  );
});

test.each([
  ["is not JSON", "token=0123456789abcdef"],
  ["is empty", ""],
])("a file that %s is named, and its content is not repeated", async (_what, content) => {
  const file = fileWith(content);
  const refusal = consume(siteContract, { file });
  await expect(refusal).rejects.toThrow(`${file} is not JSON`);
  await expect(refusal).rejects.not.toThrow("0123456789abcdef");
});

test("a directory in place of the file is refused by name", async () => {
  await expect(consume(siteContract, { file: directory })).rejects.toThrow(`cannot read contract file ${directory}`);
});

test.each(pairs)("%s: no field can carry the value of a secret", (_name, contract) => {
  const secretFields = [...fieldNames(z.toJSONSchema(contract.schema, { io: "input" }))].filter((field) =>
    /token|secret|password|passphrase|privateKey|credential/i.test(field),
  );
  expect(secretFields.filter((field) => field !== "secretKey")).toEqual([]);
});

test.each(["0123456789abcdef0123456789abcdef01234567", "user@pam!name=0b1e", "glpat-xyz"])(
  "the secret %j cannot stand where the name of its key belongs",
  (secretKey) => {
    const authorities = { forge: { url: "https://forge.example.org", secretKey } };
    expect(() => produce(siteContract, { ...sampleSite, authorities })).toThrow(
      "site.authorities.forge.secretKey: expected",
    );
  },
);

test("a URL with a password in it is no site's URL", () => {
  const authorities = { netbox: { url: "https://admin:hunter2@netbox.example.org" } };
  expect(() => produce(siteContract, { ...sampleSite, authorities })).toThrow(/netbox\.url: expected (?!.*hunter2)/);
});

/** Names of all properties anywhere in a JSON schema. */
function fieldNames(schema: unknown, found = new Set<string>()): Set<string> {
  if (schema === null || typeof schema !== "object") return found;
  const { properties } = schema as { properties?: object };
  for (const name of Object.keys(properties ?? {})) found.add(name);
  for (const part of Object.values(schema)) fieldNames(part, found);
  return found;
}
