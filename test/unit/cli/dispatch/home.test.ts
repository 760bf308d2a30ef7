/**
 * What of a runner's files is brought home: everything of one that is what it should be, and of one that is not what a table of
 * attacks sends, each refused whole and named, while the rest comes home. Pure; who writes it down is dispatch.test.ts's and the
 * engine ring's.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { wordsOf } from "../../../../cli/dispatch/home/checkpoint.ts";
import { type Here, planHome } from "../../../../cli/dispatch/home/plan.ts";
import type { Unpacked } from "../../../../cli/dispatch/tarball.ts";
import {
  at,
  checkpoint,
  evidence,
  here,
  job,
  place,
  publicKey,
  type Resource,
  record,
  resources,
  returned,
  run,
  unpacked,
} from "../../../fixtures/job-home.fixture.ts";

const own = "platform-vm/dev-pgha";
const theRecord = "the record of platform/pgha@v1 in dev";
const theRun = `evidence/${own}/${run}`;

/** What a plan says, in short. */
function output(texts: ReadonlyMap<string, string>, more: Partial<Unpacked> = {}, known: Here = here()) {
  const plan = planHome(job, unpacked(texts, more), known);
  return {
    home: [
      ...plan.stacks.map(({ project, stack }) => `${project}/${stack}`),
      ...plan.runs.map((one) => `evidence/${one.owner}/${one.run}`),
      ...(plan.record ? [theRecord] : []),
    ].sort(),
    refused: plan.refusals.map(({ what }) => what),
    why: plan.refusals.flatMap(({ problems }) => problems).join("\n"),
    plan,
  };
}

const everything = output(returned()).home;

/** What a runner sends, with something else under one name. */
function changed(name: string, content: string | undefined): Map<string, string> {
  const texts = returned();
  if (content === undefined) texts.delete(name);
  else texts.set(name, content);
  return texts;
}

/** A state with one resource changed or added. */
const withResource = (index: number, change: Resource) =>
  checkpoint(resources("sha256:2").map((one, n) => (n === index ? { ...one, ...change } : one)));
const withMore = (resource: Resource) =>
  checkpoint([...resources("sha256:2"), { custom: true, id: "1", parent: resources()[0]?.urn, ...resource }]);
const urnOf = (type: string, name = "x") => `urn:pulumi:dev-pgha::platform-vm::${type}::${name}`;
const provider = resources()[1] as { urn: string; inputs: Record<string, unknown> };

test("everything of a job that did what it should comes home, with its paths as they are here", () => {
  const { refused, plan } = output(returned());
  expect(refused).toEqual([]);
  expect(everything).toEqual([`evidence/blueprint/dev-platform.pgha.v1/${run}`, theRun, own, theRecord].sort());
  expect(plan.record?.run).toMatchObject({
    file: "/here/pgha.yml",
    evidence: expect.stringContaining("/state/evidence/"),
  });
  expect([...(plan.stacks[0]?.history.keys() ?? [])]).toEqual([
    "dev-pgha-7.history.json",
    "dev-pgha-7.checkpoint.json",
  ]);
});

test.each<[string, string]>([
  ["no checkpoint", '"this is no checkpoint"'],
  ["no JSON", "{"],
  ["nothing", ""],
  ["a checkpoint of another version", checkpoint().replace('"version":3', '"version":4')],
  ["that of another stack", checkpoint().replace("organization/platform-vm/dev-pgha", "organization/platform-vm/prod")],
  [
    "resources of another stack",
    withMore({ urn: "urn:pulumi:prod::platform-vm::pulumi:index:Stash::x", type: "pulumi:index:Stash" }),
  ],
  [
    "resources of another project",
    withMore({ urn: "urn:pulumi:dev-pgha::runners::pulumi:index:Stash::x", type: "pulumi:index:Stash" }),
  ],
  ["a URN that says another type", withMore({ urn: urnOf("pulumi:index:Stash"), type: "holdfast:ssh:HostKey" })],
  ["no URN", withMore({ urn: "x", type: "pulumi:index:Stash" })],
  [
    "a dynamic provider's resource",
    withMore({ urn: urnOf("pulumi-nodejs:dynamic:Resource"), type: "pulumi-nodejs:dynamic:Resource" }),
  ],
  ["a command", withMore({ urn: urnOf("command:local:Command"), type: "command:local:Command" })],
  [
    "a provider that the project does not use",
    withMore({ urn: urnOf("pulumi:providers:command"), type: "pulumi:providers:command" }),
  ],
  [
    "a plugin from elsewhere",
    withResource(1, { inputs: { ...provider.inputs, pluginDownloadURL: "https://evil.example" } }),
  ],
  ["a plugin of another version", withResource(1, { inputs: { ...provider.inputs, version: "8.6.1" } })],
  ["another plugin in the outputs", withResource(1, { outputs: { version: "9.9.9" } })],
  [
    "the token for another endpoint",
    withResource(1, { inputs: { ...provider.inputs, endpoint: "https://evil.example:8006" } }),
  ],
  ["another endpoint without a scheme", withResource(1, { inputs: { ...provider.inputs, endpoint: "198.51.100.7" } })],
  [
    "another host deep in an input",
    withMore({
      ...{ urn: urnOf("pulumi:providers:holdfast"), type: "pulumi:providers:holdfast" },
      inputs: { netboxJumps: JSON.stringify([{ host: "evil.example", port: 22 }]) },
    }),
  ],
  [
    "a forge that is none of ours",
    withMore({
      ...{ urn: urnOf("holdfast:ssh:HostKey"), type: "holdfast:ssh:HostKey", provider: undefined },
      inputs: { forge: { url: "https://forge.evil.example/" } },
    }),
  ],
  [
    "another secrets provider",
    checkpoint(resources(), { secrets_providers: { type: "cloud", state: { url: "awskms://x" } } }),
  ],
  ["another salt", checkpoint(resources(), { secrets_providers: { type: "passphrase", state: { salt: "v1:other" } } })],
  ["a provider that is not there", withResource(3, { provider: `${provider.urn}::p2` })],
  [
    "a provider of another package",
    withMore({ urn: urnOf("holdfast:ssh:HostKey"), type: "holdfast:ssh:HostKey", provider: `${provider.urn}::p1` }),
  ],
  ["a parent that is not there", withResource(3, { parent: urnOf("a:b:C") })],
  ["a dependency that is not there", withResource(3, { dependencies: [urnOf("a:b:C")] })],
  ["a resource twice", checkpoint([...resources(), resources()[2] as Resource])],
  [
    "a pending operation of another stack",
    checkpoint(resources(), {
      pending_operations: [{ type: "creating", resource: { urn: "urn:pulumi:prod::p::a:b:C::c", type: "a:b:C" } }],
    }),
  ],
])("a state that is %s is refused with all that came of its stack, and the rest comes home", (_, text) => {
  const { home, refused, plan } = output(changed(at.state, text));
  expect(refused).toEqual([own, theRun]);
  expect(home).toEqual(everything.filter((one) => one !== own && one !== theRun));
  expect([...(plan.refusals[0]?.files.keys() ?? [])]).toEqual(expect.arrayContaining(["state.json", "known_hosts"]));
  // No run from here takes a step for green whose state is not here.
  expect(plan.record?.steps.pgha).toMatchObject({ status: "error" });
  // In the history it is as bad: Pulumi can bring it back.
  expect(output(changed(`${at.history}.checkpoint.json`, text)).refused).toEqual([own, theRun]);
});

test("a state with other values from the same places is one: another endpoint that the configuration names, new machines", () => {
  const moved = withResource(1, { inputs: { ...provider.inputs, endpoint: "https://forge.example.org:8006" } });
  expect(output(changed(at.state, moved)).refused).toEqual([]);
  const first = here(
    {},
    { sent: undefined, secretsProviders: [{ type: "passphrase", state: { salt: "v1:Q7n8LUsgC5k=:v1:abc" } }] },
  );
  expect(output(returned(), {}, first).refused).toEqual([]);
  const strange = here({}, { sent: undefined, secretsProviders: [] });
  expect(output(returned(), {}, strange).why).toContain("its secrets provider");
});

const key = publicKey("new");
test.each<[string, string, string]>([
  ["of a machine that is none of the stack's", `192.0.2.1 ${key}\n198.51.100.9 ${key}\n`, 'a key of "198.51.100.9"'],
  ["beside one of ours", `192.0.2.1,198.51.100.9 ${key}\n`, 'a key of "198.51.100.9"'],
  ["of every machine", `* ${key}\n`, 'a key of "*"'],
  ["hashed", `|1|abc=|def= ${key}\n`, "no machine of the stack"],
  ["of an authority", `@cert-authority 192.0.2.1 ${key}\n`, "a line that is none"],
  ["that is none", "192.0.2.1 ssh-ed25519 AAAA\n", "a line that is none"],
  ["of another type inside", `192.0.2.1 ${key.replace("ssh-ed25519", "ssh-rsa")}\n`, "a line that is none"],
  ["with characters that a terminal obeys", `192.0.2.1 \u001b[2J ${key}\n`, "a line that is none"],
])("known hosts with a key %s are refused with all that came of their stack", (_, text, words) => {
  const { refused, why } = output(changed(at.knownHosts(own), text));
  expect(refused).toEqual([own, theRun]);
  expect(why).toContain(words);
});

test("a host key changes or goes with its machine alone, and only where the job may change anything", () => {
  const same = changed(at.state, checkpoint());
  expect(output(same).why).toContain(
    'it changes the host key of "192.0.2.1", and no other machine has that address now',
  );
  same.set(at.knownHosts(own), "");
  expect(output(same).why).toContain('it drops the host key of "192.0.2.1"');
  expect(output(changed(at.knownHosts(own), "")).refused).toEqual([]);
  const forge = here({}, { knownHosts: `forge.example.org ${publicKey("forge")}\n` });
  const planted = changed(at.knownHosts(own), `forge.example.org ${key}\n`);
  expect(output(planted, {}, forge).why).toContain('it changes the host key of "forge.example.org"');
  expect(
    output(planted, {}, here({}, { knownHosts: `forge.example.org ${publicKey("forge")}\n`, pinned: new Set([key]) }))
      .refused,
  ).toEqual([]);
  const looking = planHome({ ...job, verb: "preflight", changes: false, leases: [] }, unpacked(returned()), here());
  expect(looking.refusals.flatMap(({ problems }) => problems)).toContain(
    'it changes the host key of "192.0.2.1", and no other machine has that address now',
  );
});

test.each<[string, string, string]>([
  ["states of another stack", "backend/.pulumi/stacks/platform-vm/prod.json", checkpoint()],
  ["a state where a directory is", "backend/.pulumi/stacks/platform-vm", "x"],
  ["history of another stack", "backend/.pulumi/history/platform-vm/prod/prod-1.history.json", "{}"],
  ["history under another name", `backend/.pulumi/history/${own}/other-1.history.json`, "{}"],
  ["host keys of another stack", at.knownHosts("runners/crunchy"), `192.0.2.1 ${key}\n`],
  ["host keys of a stack that was read", at.knownHosts("foundation/shared"), `192.0.2.2 ${key}\n`],
  ["host keys where a directory is", at.knownHosts("platform-vm"), "x"],
  ["evidence of another stack", `${at.evidence("runners/crunchy")}/run.json`, "{}"],
  ["evidence deeper down", `${at.evidence(own)}/more/run.json`, "{}"],
  ["a record of another blueprint", at.record.replace("pgha", "other"), "{}"],
  ["a record of another environment", at.record.replace("/dev/", "/prod/"), "{}"],
])("%s are not taken, and everything else is", (_, name, content) => {
  const { home, refused, plan } = output(changed(name, content));
  expect(home).toEqual(everything);
  expect(refused).toEqual([JSON.stringify(name)]);
  expect(plan.refusals[0]?.files.get(name)?.toString()).toBe(content);
});

test.each<[string, Map<string, string>, string]>([
  ["over a run that is here", returned(), "a run of that name is here, and is another"],
  [
    "that its manifest does not vouch for",
    changed(`${at.evidence(own)}/run.json`, "{}"),
    "is not what the manifest says",
  ],
  [
    "with more than its manifest has",
    changed(`${at.evidence(own)}/more.json`, "{}"),
    "is there, but not in the manifest",
  ],
  ["without a manifest", changed(`${at.evidence(own)}/manifest.json`, undefined), "is missing, or is no manifest"],
  ["with a manifest alone", changed(`${at.evidence(own)}/manifest.json`, '{"files":[]}'), "not in the manifest"],
  [
    "of another run",
    new Map([...returned(), ...evidence(own, run, { run: "20260127T103000Z-1-000000" })]),
    "is of another run",
  ],
  ["of another stack", new Map([...returned(), ...evidence(own, run, { stack: "prod" })]), "is of another run"],
])("evidence %s is refused, and the state comes home", (_, texts, words) => {
  const known = here(
    words.includes("is here")
      ? { evidence: (owner) => new Map(owner === own ? [["run.json", Buffer.from("mine")]] : []) }
      : {},
  );
  const { home, refused, why } = output(texts, {}, known);
  expect(refused).toEqual([theRun]);
  expect(why).toContain(words);
  expect(home).toEqual(everything.filter((one) => one !== theRun));
});

test("evidence is of the time in which the job ran, and of a run that says when", () => {
  for (const name of ["20250101T000000Z-1-abc", "20260127T163000Z-1-abc", "latest"]) {
    const { refused, why } = output(new Map([...returned(), ...evidence(own, name)]));
    expect(refused).toEqual([`evidence/${own}/${name}`]);
    expect(why).toContain("it is not of the time in which the job ran");
  }
});

test.each<[string, string, string]>([
  ["no record", "[]", "it is no record of a blueprint"],
  ["of another environment", record().replace('"env":"dev"', '"env":"prod"'), 'in "prod"'],
  [
    "with a step that the job was not given",
    record({
      steps: { evil: JSON.parse(record()).steps.pgha, pgha: { ...JSON.parse(record()).steps.pgha, stack: "prod" } },
    }),
    "which the job was not given",
  ],
  ["of another command", record({ run: { verb: "destroy" } }), "of another command"],
  ["of another file", record({ run: { file: "/etc/passwd" } }), "of another command"],
  [
    "with a run's evidence elsewhere",
    record({ run: { evidence: "/state/evidence/blueprint/dev-platform.pgha.v1/../x" } }),
    "evidence elsewhere",
  ],
  ["with a step's evidence elsewhere", record({ step: { evidence: ["/etc/ssh"] } }), "evidence elsewhere"],
])("a record that is %s is refused, and the rest comes home", (_, text, words) => {
  const { home, refused, why } = output(changed(at.record, text));
  expect(refused).toEqual([theRecord]);
  expect(why).toContain(words);
  expect(home).toEqual(everything.filter((one) => one !== theRecord));
});

test("a record brings no process home, and loses no step that is known here", () => {
  const { plan } = output(changed(at.record, record({ step: { pulumi: { pid: 1, host: "here" } } })));
  expect(plan.record?.steps.pgha).not.toHaveProperty("pulumi");
  const known = { ...place, status: "ok" as const, run: "old", began: "", evidence: [] };
  const lost = here({ record: { ref: job.ref, env: "dev", steps: { other: known } } });
  expect(output(returned(), {}, lost).why).toContain("it has lost its step other");
});

test.each([at.state, at.knownHosts(own)])("where %s is a directory its stack is refused", (name) => {
  const { refused, why } = output(changed(name, undefined), { directories: new Set([name]) });
  expect(refused).toEqual([own, theRun]);
  expect(why).toContain("is a directory");
});

test("what was not held for the job is not its to change", () => {
  const texts = changed(at.state, '"this is no checkpoint"');
  texts.delete(at.knownHosts(own));
  const plan = planHome({ ...job, leases: [] }, unpacked(texts), here());
  expect(plan.stacks).toEqual([{ ...place, history: new Map() }]);
});

test("notes, locks and copies that programs keep are neither taken nor reported", () => {
  const names = [`${at.state}.bak`, `${at.state}.attrs`, "backend/.pulumi/locks/x/y.json", "backend/.pulumi/meta.yaml"];
  const kept = [...names, at.record.replace(".json", ".lock"), "home/.config/holdfast/other", "output.log"];
  const texts = new Map([...returned(), ...kept.map((name): [string, string] => [name, "x"])]);
  texts.set(at.knownHosts("foundation/shared"), `192.0.2.2 ${publicKey("kept")}\n`);
  expect(output(texts)).toMatchObject({ home: everything, refused: [] });
});

test("whatever a runner sends, nothing comes home under a name that the job was not given, and all of it is accounted for", () => {
  const names = fc.constantFrom(
    ...returned().keys(),
    at.knownHosts("a/b"),
    "backend/.pulumi/stacks/a/b.json",
    at.evidence("a/b"),
  );
  const content = fc.oneof(fc.string(), fc.constantFrom(...returned().values()), fc.json());
  fc.assert(
    fc.property(fc.dictionary(names, content), (sent) => {
      const texts = new Map(Object.entries(sent));
      const { plan } = output(texts);
      for (const { project, stack, state } of plan.stacks) {
        expect(`${project}/${stack}`).toBe(own);
        if (state !== undefined) expect(JSON.parse(state).checkpoint.stack).toBe(`organization/${own}`);
      }
      for (const { owner } of plan.runs) expect([own, "blueprint/dev-platform.pgha.v1"]).toContain(owner);
      const refused = plan.refusals.reduce((sum, { files }) => sum + files.size, 0);
      const home =
        plan.stacks.reduce(
          (sum, one) => sum + one.history.size + (one.state ? 1 : 0) + (one.knownHosts === undefined ? 0 : 1),
          0,
        ) +
        plan.runs.reduce((sum, { files }) => sum + files.size, 0) +
        (plan.record ? 1 : 0);
      expect(home + refused).toBe(texts.size);
    }),
    { numRuns: 300 },
  );
});

test("hosts are found in whatever a text is", () => {
  const words = wordsOf('{"url":"https://Forge.example.org:3000/x","a":"root@10.0.0.5/24, [2001:db8::1]:22"}');
  for (const host of ["forge.example.org", "10.0.0.5", "2001:db8::1"]) expect([...words]).toContain(host);
});
