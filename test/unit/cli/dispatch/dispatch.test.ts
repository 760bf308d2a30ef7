/**
 * What of a workstation goes to a runner, and how what comes back is brought home: states, locks, host keys, secrets, names.
 *
 * Not proven here: that a job runs (the engine ring has a runner of its own, the lab ring a VM).
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import {
  checkpointPath,
  outputsAlone,
  readCheckpoint,
  releaseLease,
  removeEmptyNotes,
  takeLease,
  writeCheckpoint,
} from "../../../../cli/backend.ts";
import dispatch from "../../../../cli/commands/dispatch.ts";
import { certificatesOf, jobSecrets } from "../../../../cli/dispatch/bundle.ts";
import type { Job } from "../../../../cli/dispatch/job.ts";
import { jobScript, jobSettings } from "../../../../cli/dispatch/job-script.ts";
import { merge } from "../../../../cli/dispatch/merge.ts";
import { readRunner, runnerStack, waysTo } from "../../../../cli/dispatch/runner.ts";
import type { Unpacked } from "../../../../cli/dispatch/tarball.ts";
import type { Pulumi } from "../../../../cli/pulumi.ts";
import type { OpsRunner } from "../../../../lib/contracts/runner.ts";
import { at, evidence as evidenceOf, publicKey, run, unpacked } from "../../../fixtures/job-home.fixture.ts";

const place = { project: "platform-vm", stack: "dev-pgha" };
const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: "v1:abc" };
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "holdfast-dispatch-"));
  vi.stubEnv("HOME", join(root, "home"));
  vi.stubEnv("XDG_STATE_HOME", join(root, "home/.local/state"));
  onTestFinished(() => void vi.unstubAllEnvs());
});

function write(path: string, content: string | Buffer): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** A checkpoint as Pulumi's store has it. */
function checkpoint(outputs: object, more: object[] = []): string {
  const urn = "urn:pulumi:dev-pgha::platform-vm::pulumi:pulumi:Stack::platform-vm-dev-pgha";
  const stack = { urn, custom: false, type: "pulumi:pulumi:Stack", outputs };
  const latest = { resources: [stack, ...more], pending_operations: [] };
  return JSON.stringify({ version: 3, checkpoint: { stack: "organization/platform-vm/dev-pgha", latest } });
}

test("of a stack that is only read its outputs go along, without secrets, and nothing that is in it", () => {
  const inner = { urn: "urn:pulumi:dev::p::a:b:C::c", type: "a:b:C", outputs: { address: "192.0.2.9" } };
  const text = outputsAlone(checkpoint({ site: { id: "home" }, token: secret, deep: { list: [secret] } }, [inner]));
  const { latest } = JSON.parse(text).checkpoint;
  expect(latest.resources).toEqual([expect.objectContaining({ outputs: { site: { id: "home" } } })]);
  expect(latest).not.toHaveProperty("pending_operations");
});

test.each([
  ["plain", "", (text: string) => Buffer.from(text), (bytes: Buffer) => bytes],
  ["packed", ".gz", gzipSync, gunzipSync],
])("a %s checkpoint is written as it was, with the one before it beside it", (_how, ending, packed, unpacked) => {
  const path = write(join(root, checkpointPath(place)) + ending, packed("before"));
  write(`${path}.attrs`, "{}");
  writeCheckpoint(root, place, "after");
  expect(unpacked(readFileSync(path)).toString()).toBe("after");
  expect(unpacked(readFileSync(`${path}.bak`)).toString()).toBe("before");
  expect(readCheckpoint(root, place).text).toBe("after");
  expect(existsSync(`${path}.attrs`)).toBe(false);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a stack is held once, by a lock that says how its result comes home; nobody's lock is taken away", () => {
  write(join(root, checkpointPath(place)), "{}");
  const lease = takeLease(root, place, "job-1");
  const lock = JSON.parse(readFileSync(lease.lock, "utf8"));
  expect(lock).toMatchObject({ username: expect.stringContaining("holdfast dispatch attach job-1"), pid: process.pid });
  expect(() => takeLease(root, place, "job-2")).toThrow(
    /platform-vm\/dev-pgha is held by .*: holdfast dispatch attach job-1@.*; nothing was sent/,
  );
  expect(readdirSync(dirname(lease.lock))).toHaveLength(1);
});

test("empty notes beside a stack's own files are removed, and no others", () => {
  const notes = (stack: string) => `${join(root, ".pulumi/stacks/platform-vm", stack)}.json.attrs`;
  write(notes("dev-pgha"), "");
  write(`${join(root, ".pulumi/history/platform-vm/dev-pgha/dev-pgha-1.history.json.attrs")}`, "");
  for (const [stack, content] of [["dev-pgha.bak", "{}"] as const, ["dev-pgha2", ""] as const])
    write(notes(stack), content);
  expect(removeEmptyNotes(root, place)).toBe(2);
  expect(readdirSync(dirname(notes("any"))).sort()).toEqual(["dev-pgha.bak.json.attrs", "dev-pgha2.json.attrs"]);
});

test("secrets of a job are files, and what is wrong with them is said at once, without a value", () => {
  const key = write(join(root, "key"), "PRIVATE");
  const env = { PULUMI_CONFIG_PASSPHRASE: "it's", RUNNER_SSH_KEY_PATH: key, TOKEN: "a'b" };
  const { files, ...has } = jobSecrets(["TOKEN"], env);
  expect(has).toEqual({ hasKey: true, hasPassphrase: true });
  expect(Object.fromEntries([...files].map(([name, content]) => [name, content.toString()]))).toEqual({
    ...{ passphrase: "it's", key: "PRIVATE" },
    environment: "TOKEN='a'\\''b'; export TOKEN\nHOLDFAST_PASSED_ENV='TOKEN'; export HOLDFAST_PASSED_ENV\n",
  });
  const wrong = { PULUMI_CONFIG_PASSPHRASE_FILE: "/nowhere", RUNNER_SSH_KEY_PATH: "/nowhere/key" };
  expect(() => jobSecrets(["HOME", "X", "a b"], wrong)).toThrow(
    /nothing was sent:\n.*PASSPHRASE_FILE names \/nowhere.*\n.*KEY_PATH names.*\n.*HOME: is not for you.*\n.*X: is not set here\n.*a b: is not for you/,
  );
  expect(() => certificatesOf({ SSL_CERT_FILE: "/nowhere" })).toThrow(
    /SSL_CERT_FILE names \/nowhere, which is not there/,
  );
});

test("a job's settings hold no secret and reach its script as they were told; its script takes its secrets away before it says that it ended", () => {
  const place = mkdtempSync(join(tmpdir(), "holdfast-job-"));
  const node = `#!/bin/sh\nprintf '%s\\n' "$@" "$SSL_CERT_FILE" "\${RUNNER_SSH_KEY_PATH:-no key}" "$PULUMI_BACKEND_URL" "$TOKEN" "$HOME"; ls '${place}'; exit 7\n`;
  for (const [path, text] of Object.entries({
    "a b/bin/pulumi": "#!/bin/sh\n",
    "a b/node/bin/node": node,
    "job/job.sh": jobScript.text,
    "secrets/environment": "TOKEN='word'; export TOKEN\n",
    "job/settings": jobSettings({
      ...{ release: `${place}/a b`, directory: `${place}/job`, secrets: `${place}/secrets`, env: "dev" },
      ...{ backendUrl: undefined, command: ["blueprint", "deploy", "it's"], certificates: { SSL_CERT_FILE: "ca.pem" } },
      ...{ hasKey: false, hasPassphrase: true },
    }),
  })) {
    mkdirSync(join(place, path, ".."), { recursive: true });
    writeFileSync(join(place, path), text, { mode: 0o755 });
  }
  execFileSync("sh", ["./job.sh"], { cwd: join(place, "job") });
  expect(readFileSync(join(place, "job/answer.out"), "utf8").split("\n")).toEqual([
    ...["holdfast/cli/holdfast.js", "blueprint", "deploy", "it's", `${place}/job/ca.pem`, "no key"],
    ...[`file://${place}/job/backend?metadata=skip`, "word", `${place}/job/home`, "a b", "job", "secrets", ""],
  ]);
  expect(readdirSync(place)).toEqual(["a b", "job"]);
  expect(readFileSync(join(place, "job/exit"), "utf8")).toBe("7\n");
  expect(readFileSync(join(place, "job/settings"), "utf8")).not.toContain("word");
  const { text } = jobScript;
  expect(text.indexOf('rm -rf "$secrets"')).toBeLessThan(text.indexOf("mv exit.new exit"));
});

const directory = "/home/ops/.local/state/holdfast/jobs/1";

/** A job that ended, with its stack held for it. */
function endedJob(): Job {
  return {
    ...{ id: "job-1", runner: "dev-runner", vm: "runner", ref: "platform/pgha@v1", env: "dev", verb: "destroy" },
    ...{ file: "/here/pgha.yml", command: [], passed: [], changes: true, owner: "ada", host: "here" },
    began: "2026-01-27T10:00:00.000Z",
    ...{ backend: root, leases: [takeLease(root, place, "job-1")], steps: [{ id: "pgha", ...place, config: {} }] },
    ...{ phase: "ended", remote: { directory, secrets: "/run/x/1" } },
  };
}

/** What the job of these tests left, with its stack's new host key. */
function left(...more: [string, string][]): Unpacked {
  const evidence = evidenceOf("platform-vm/dev-pgha", run).map(([name, text]): [string, string] => [name, text]);
  const texts: [string, string][] = [
    [
      `backend/${checkpointPath(place)}`,
      checkpoint({ address: "192.0.2.1", evidence_dir: `${directory}/${at.evidence("platform-vm/dev-pgha")}` }),
    ],
    ["backend/.pulumi/history/platform-vm/dev-pgha/dev-pgha-1.history.json", "{}"],
    ...evidence,
    [
      "home/.local/state/holdfast/blueprints/dev/platform.pgha.v1.json",
      `{ "ref": "platform/pgha@v1", "env": "dev", "steps": { "pgha": { "project": "platform-vm", "stack": "dev-pgha", "status": "destroyed",
        "run": "${run}", "began": "", "evidence": ["${directory}/${at.evidence("platform-vm/dev-pgha")}"] } } }`,
    ],
    ["home/.config/holdfast/known_hosts/platform-vm/dev-pgha", `192.0.2.1 ${publicKey("old")}\n`],
    ...more,
  ];
  return unpacked(new Map(texts));
}

test("what a job left is brought home, with its paths as they are here, and can be brought home twice", () => {
  write(join(root, checkpointPath(place)), checkpoint({}));
  const known = (name: string) => join(root, "home/.config/holdfast/known_hosts", name);
  write(known("platform-vm/dev-pgha"), `192.0.2.1 ${publicKey("old")}\n`);
  const job = endedJob();
  for (const _twice of [1, 2]) {
    expect(merge(job, left())).toEqual([]);
    const state = join(root, "home/.local/state/holdfast");
    expect(readCheckpoint(root, place).text).toContain(`${state}/evidence/platform-vm/dev-pgha/${run}`);
    expect(existsSync(join(state, `evidence/platform-vm/dev-pgha/${run}/run.json`))).toBe(true);
    expect(readFileSync(join(state, "blueprints/dev/platform.pgha.v1.json"), "utf8")).toContain(`${state}/evidence`);
    expect(readdirSync(join(root, ".pulumi/history/platform-vm/dev-pgha"))).toEqual(["dev-pgha-1.history.json"]);
  }
});

test("what is refused is kept aside, for its owner alone, and named with what to do; the rest comes home", () => {
  const path = write(join(root, checkpointPath(place)), checkpoint({}));
  const job = endedJob();
  const planted = "home/.config/holdfast/known_hosts/runners/crunchy";
  const sent = left([`backend/${checkpointPath(place)}`, '"this is no checkpoint"'], [planted, "x ssh-ed25519 AAAA\n"]);
  const conflicts = merge(job, sent);
  const aside = join(root, "home/.local/state/holdfast/jobs/job-1.refused");
  expect(conflicts).toEqual([
    expect.stringMatching(
      /^platform-vm\/dev-pgha is refused: it is no checkpoint of version 3.*refresh --stack dev-pgha/s,
    ),
    expect.stringContaining(`evidence/platform-vm/dev-pgha/${run} is refused`),
    expect.stringContaining(`"${planted}" is refused: the job was not given it`),
  ]);
  expect(readFileSync(path, "utf8")).toBe(checkpoint({}));
  expect(existsSync(join(root, "home/.config/holdfast/known_hosts/runners/crunchy"))).toBe(false);
  expect(readFileSync(join(aside, "1/state.json"), "utf8")).toBe('"this is no checkpoint"');
  for (const name of [aside, join(aside, "1")]) expect(statSync(name).mode & 0o777).toBe(0o700);
  expect(statSync(join(aside, "1/state.json")).mode & 0o777).toBe(0o600);
  const record = join(root, "home/.local/state/holdfast/blueprints/dev/platform.pgha.v1.json");
  expect(JSON.parse(readFileSync(record, "utf8")).steps.pgha.run).toBe(run);
});

test("a merge that fails half way is done again by the same command", () => {
  const path = write(join(root, checkpointPath(place)), checkpoint({}));
  const job = endedJob();
  // In the place of a run's directory there is something that nobody can write into.
  const blocked = write(join(root, "home/.local/state/holdfast/evidence/platform-vm"), "");
  expect(() => merge(job, left())).toThrow(/ENOTDIR|EEXIST/);
  const state = readFileSync(path, "utf8");
  expect(state).toContain("evidence_dir");
  rmSync(blocked);
  expect(merge(job, left())).toEqual([]);
  expect(readFileSync(path, "utf8")).toBe(state);
  expect(existsSync(join(blocked, `dev-pgha/${run}/manifest.json`))).toBe(true);
});

test.each([
  ["and nothing else was done", () => {}, undefined],
  [
    "and somebody is at work",
    () => void takeLease(root, place, "job-2"),
    /^\S+ is held by .*: holdfast dispatch attach job-2@/,
  ],
  [
    "and the stack was changed",
    (path: string) => void write(path, checkpoint({ by: "hand" })),
    /^the state of \S+ was changed/,
  ],
  [
    "and the stack was removed",
    (path: string) => rmSync(path),
    /^the state of \S+ was removed here while the job had it;/,
  ],
])(
  "where the lock of a job was taken away %s, its state is brought home only if nobody else has the stack",
  (_what, happens, output) => {
    const path = write(join(root, checkpointPath(place)), checkpoint({}));
    const job = endedJob();
    for (const { lock } of job.leases) rmSync(lock);
    happens(path);
    const [before, locks] = [existsSync(path) && readFileSync(path, "utf8"), dirname(job.leases[0]?.lock ?? "")];
    const others = readdirSync(locks);
    const returned = checkpoint({ by: "job" });
    const conflicts = merge(job, unpacked(new Map([[`backend/${checkpointPath(place)}`, returned]])));
    for (const lease of job.leases) releaseLease(lease);
    expect(readdirSync(locks)).toEqual(others);
    expect(conflicts).toEqual(output ? [expect.stringMatching(output)] : []);
    expect(existsSync(path) && readFileSync(path, "utf8")).toBe(output ? before : returned);
    const rescued = /the job's state is in (\S+)$/m.exec(conflicts[0] ?? "")?.[1];
    if (rescued) expect(readFileSync(rescued, "utf8")).toContain('"by":"job"');
    expect(rescued !== undefined).toBe(output !== undefined);
  },
);

test("a runner is named by its stack, or as the runbook names it, and reached as its bootstrap reached it", () => {
  const bootstrap = "dev-onprem-ops-runner-bootstrap";
  expect(runnerStack(bootstrap, "dev")).toBe(bootstrap);
  expect(runnerStack("platform/linux/ops-runner#onprem_ops_runner_bootstrap", "dev")).toBe(bootstrap);
  expect(() => runnerStack("platform-vm#dev-pgha", "dev")).toThrow(/names no operations runner/);
  const way = { host: "192.0.2.1", port: 22, user: "root" };
  const access = { user: "ops", port: 2222, hostKey: "", direct: false, bastion: way, knownHosts: "platform-vm/dev" };
  const contract = { vm: { key: "runner-01", address: "10.0.0.9" }, access } as OpsRunner;
  expect(waysTo(contract)).toEqual({
    ...{ vm: "runner-01", direct: false, timeoutSeconds: 10 },
    target: { host: "10.0.0.9", port: 2222, user: "ops", stack: "platform-vm/dev" },
    bastion: { ...way, stack: "platform-vm/dev" },
  });
});

test("what does not fit together is refused before anything is asked or sent", async () => {
  const file = write(join(root, "jobs.yml"), "kind: Blueprint\nref: jobs/refused@v1\nsteps: []\n");
  const options = { runner: "dev-runner", detach: false, "any-release": false };
  const behind = (verb: string, ...more: string[]) => ["blueprint", verb, "--env", "dev", "--file", file, ...more];
  await expect(dispatch.run({}, { ...options, env: "prod" }, behind("deploy"))).rejects.toThrow(
    /--env is prod before the --, and dev behind it; nothing was sent/,
  );
  await expect(dispatch.run({}, options, behind("preflight", "--execute"))).rejects.toThrow(
    /a preflight executes nothing/,
  );
  await expect(dispatch.run({}, options, behind("status"))).rejects.toThrow(/cannot be dispatched/);
});

test.each([
  ["of another environment", { env: "prod" }, /is of the environment prod, and the job is of dev; nothing was sent/],
  [
    "without a toolchain",
    { capability: "absent" },
    /takes no work: .*absent\n.*pulumi up --stack dev-runner, in ops-runner\//,
  ],
])("a runner %s takes no job", async (_what, change, output) => {
  const access = { user: "ops", port: 22, hostKey: "", direct: true, knownHosts: "ops-runner/dev-runner" };
  const contract = {
    ...{ contract: "runner@1", env: "dev", place: "onprem", failureDomain: "onprem", direction: "failback", access },
    vm: { key: "runner-01", name: "runner-01", address: "192.0.2.1", identity: "sha256:1" },
    ...{ prefix: "/opt/core", releaseDigest: `sha256:${"ab".repeat(32)}`, capability: "ready", status: "ok" },
    ...{ evidenceDir: "", runId: "" },
  };
  const read = (more: object) => {
    const pulumi = { ask: async () => JSON.stringify({ ...contract, ...more }) } as unknown as Pulumi;
    return readRunner(pulumi, "dev-runner", "dev");
  };
  await expect(read({})).resolves.toMatchObject({ capability: "ready" });
  await expect(read(change)).rejects.toThrow(output);
});
