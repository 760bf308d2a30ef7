/**
 * The preflight as a whole: host, workstation and forge side by side, everything reported at once, in one error that says
 * that nothing was changed. The host is an SSH stand-in, the server of an image a loopback one.
 *
 * Not proven here: a real libvirt (the lab ring), and how long a host that swallows packets holds it up.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { parseConfig } from "../../../lib/config/strict.ts";
import { failures } from "../../../lib/preflight/check.ts";
import { recordedIn } from "../../../lib/preflight/recorded.ts";
import type { Answers } from "../../../provider/host/host-probe.ts";
import { preflight, preflightChecks } from "../../../provider/host/preflight.ts";
import type { Catalogue } from "../../../provider/server.ts";
import type { Download, PreflightArgs } from "../../../resources/host/preflight.ts";
import { runnersConfig } from "../../../runners/config.ts";
import { planRunnerStack } from "../../../runners/plan.ts";
import { planPreflight } from "../../../runners/preflight.ts";
import { FakeForge } from "../../engine/fake-forge.ts";
import { nowhere, serveHttp } from "../../fixtures/loopback.fixture.ts";
import { base, prepared, printed, sha256, vm, wanted } from "../../fixtures/preflight.fixture.ts";
import { engineFor, raw } from "../../fixtures/provider-client.fixture.ts";
import { type Answer, operatorHome, sshHost } from "../../fixtures/ssh-host.fixture.ts";

/** A workstation of the test's own, with the libvirt provider's programs and an empty cache. */
function workstation(programs = ["mkisofs", "xsltproc"]) {
  const { home } = operatorHome();
  const bin = join(home, "bin");
  mkdirSync(bin);
  for (const program of programs) writeFileSync(join(bin, program), "");
  vi.stubEnv("PATH", bin);
  vi.stubEnv("HOLDFAST_CACHE", join(home, "cache"));
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  return home;
}

/** A host that answers the probe like this. */
async function host(answer: Answer = { stdout: printed(prepared) }) {
  const server = await sshHost({ answer: () => answer });
  return { server, target: { host: server.host, port: server.port, user: "root", stack: "runners/crunchy" } };
}

/** A forge that has all that is needed, until the test is over. */
async function goodForge() {
  const forge = new FakeForge();
  const url = await forge.start();
  onTestFinished(() => forge.close());
  return { forge: { url, scope: "" }, forgeToken: forge.apiToken };
}

async function look(changes: Partial<PreflightArgs> = {}, context: { forRebuild?: boolean } = {}) {
  const { forge, forgeToken } = await goodForge();
  const { signal } = new AbortController();
  const found = await preflightChecks(wanted({ forge, ...changes }), { signal, forgeToken, ...context });
  return { ...found, failed: failures(found.checks) };
}

const image = (url: string): Download => ({ what: "the image", key: "vm.image.url", suffix: ".qcow2", url, sha256 });

/** A file of the test's own and its digest. */
function file(content: string) {
  const path = join(mkdtempSync(join(tmpdir(), "holdfast-image-")), "image.qcow2");
  writeFileSync(path, content);
  return { url: pathToFileURL(path).href, sha256: createHash("sha256").update(content).digest("hex") };
}

test("a prepared host asks one question over SSH, and the function gives its address", async () => {
  workstation();
  const { server, target } = await host();
  const engine = await engineFor({ version: "0", kinds: [], functions: [preflight] } as unknown as Catalogue);
  const { forge, forgeToken } = await goodForge();
  await engine.configure({ forgeToken, forgeUrl: forge.url });
  const answer = await engine.invoke(preflight.token, wanted({ host: target, forge }));
  expect(raw(answer.getReturn())).toEqual({ address: target.host, imageNeeded: true });
  expect(server.received).toHaveLength(1);
});

test("everything at once: bridge, pool, address, image, programs and forge, in one error that says nothing was changed", async () => {
  workstation([]);
  const no = { code: 1, stdout: "" };
  const { target } = await host({ stdout: printed({ ...prepared, "bridge br0": no, pool: no }) });
  const engine = await engineFor({ version: "0", kinds: [], functions: [preflight] } as unknown as Catalogue);
  const forge = { problem: "no forge answers at 192.0.2.1", scope: "" };
  const vms = [vm({ cidr: "198.51.100.5/24" })];
  const args = { host: target, vms, downloads: [image("file:///nowhere/image.qcow2")], forge };
  const output = await engine.invoke(preflight.token, wanted(args)).then(
    () => "accepted",
    (error: { details: string }) => error.details,
  );
  expect(output.split("\n")[0]).toBe("stack runners/crunchy is not ready for 127.0.0.1, nothing was changed:");
  for (const part of [
    "there is no bridge br0",
    "there is no storage pool images",
    "198.51.100.5 is outside",
    "mkisofs is missing on this workstation",
    "xsltproc is missing on this workstation",
    "file:///nowhere/image.qcow2 cannot be read: ENOENT",
    "no forge answers at 192.0.2.1",
  ]) {
    expect(output).toContain(`\n  - ${part}`);
  }
});

test.each([
  [
    "nobody answers",
    async () => ({ host: "127.0.0.1", port: Number(new URL(await nowhere()).port) }),
    /cannot reach root@127/,
  ],
  [
    "the name is unknown",
    async () => ({ host: "no-such-host.invalid", port: 22 }),
    /cannot reach root@no-such-host.invalid/,
  ],
])(
  "when %s, workstation and forge are looked at all the same, and nothing of the host is called good",
  async (_what, place, output) => {
    workstation();
    const host = { ...(await place()), user: "root", stack: "runners/crunchy" };
    const { checks, failed } = await look({
      host,
      downloads: [image("file:///nowhere")],
      forge: { problem: "no forge", scope: "" },
    });
    expect(failed).toEqual([
      expect.stringMatching(output),
      expect.stringContaining("file:///nowhere cannot be read"),
      "no forge",
    ]);
    expect(checks.filter(({ status }) => status === "ok").map(({ what }) => what)).toEqual([
      "mkisofs is installed on this workstation",
      "xsltproc is installed on this workstation",
    ]);
  },
);

test("a key file that cannot be used is named", async () => {
  workstation();
  vi.stubEnv("RUNNER_SSH_KEY_PATH", "/nowhere/id_ed25519");
  const { failed } = await look();
  expect(failed).toEqual([
    expect.stringContaining("RUNNER_SSH_KEY_PATH names /nowhere/id_ed25519, which is no usable"),
  ]);
});

test("a login that may not become root is told by sudo's own words", async () => {
  workstation();
  const { target } = await host({ code: 1, stderr: "sudo: a password is required" });
  const { failed } = await look({ host: { ...target, user: "me" } });
  expect(failed).toEqual([expect.stringContaining("no command runs as root there (exit code 1): sudo: a password is")]);
});

test("a connection that is lost leaves no check good", async () => {
  workstation();
  const { target } = await host("lost");
  const { checks, failed } = await look({ host: target });
  expect(failed).toEqual([expect.stringContaining("connection to 127.0.0.1 was lost")]);
  // The workstation has two and the forge four.
  expect(checks.filter(({ status }) => status === "ok")).toHaveLength(6);
});

const imageOf = async (download: Download) => {
  const { target } = await host();
  const { checks } = await look({ host: target, downloads: [download] });
  return checks.find(({ what }) => what.startsWith("the image"));
};

test("an image file is believed by its digest, and a wrong one is told with both before anything is changed", async () => {
  workstation();
  const right = file("an image");
  expect(await imageOf({ ...image(right.url), sha256: right.sha256 })).toMatchObject({ status: "ok" });
  expect(await imageOf(image(right.url))).toMatchObject({
    status: "failed",
    found: `${right.url} has SHA-256 ${right.sha256}, expected ${sha256}`,
    fix: expect.stringContaining("pulumi config set vm.image.sha256"),
  });
});

test("an image that is in the cache already is not asked for", async () => {
  const home = workstation();
  mkdirSync(join(home, "cache", "downloads"), { recursive: true });
  writeFileSync(join(home, "cache", "downloads", `${sha256}.qcow2`), "");
  expect(await imageOf(image("https://no-such-host.invalid/image"))).toMatchObject({ status: "ok" });
});

const there: Answers = { ...prepared, [`volume ${base}`]: { code: 0, stdout: "<volume/>" } };
test.each([
  ["host and state have", there, [`images/${base}`], { imageNeeded: false, failed: [] }],
  ["the host alone has: its upload was cut off", there, [], { imageNeeded: true }],
  ["the state alone has: it was removed by hand", prepared, [`images/${base}`], { imageNeeded: true }],
  ["another pool has", there, [`other/${base}`], { imageNeeded: true }],
])("of a base volume that %s: whether its image has to be had", async (_what, answers, recordedVolumes, expected) => {
  workstation();
  const { target } = await host({ stdout: printed(answers) });
  const needed = [expect.stringContaining("file:///nowhere cannot be read")];
  expect(await look({ host: target, recordedVolumes, downloads: [image("file:///nowhere")] })).toMatchObject({
    failed: needed,
    ...expected,
  });
});

test("the image is needed where VMs that stand are about to be destroyed and made anew", async () => {
  workstation();
  const { target } = await host({ stdout: printed(there) });
  const changes = { host: target, recordedVolumes: [`images/${base}`], downloads: [image("file:///nowhere")] };
  const { failed, imageNeeded } = await look(changes, { forRebuild: true });
  expect(failed).toEqual([expect.stringContaining("file:///nowhere cannot be read")]);
  expect(imageNeeded).toBe(true);
});

test("a cache that cannot be made is said with its path, whether the image is needed or not", async () => {
  workstation();
  const { target } = await host({ stdout: printed(there) });
  vi.stubEnv("HOLDFAST_CACHE", "/dev/null/cache");
  for (const recordedVolumes of [[], [`images/${base}`]])
    await expect(look({ host: target, recordedVolumes, downloads: [image("file:///nowhere")] })).rejects.toThrow(
      "/dev/null/cache",
    );
});

test("the image is needed as long as one of several VMs lacks its base volume", async () => {
  workstation();
  const { target } = await host({ stdout: printed(there) });
  const second = vm({ domain: "b", volumes: { base: "b-base", root: "b", seed: "b-seed" }, cidr: undefined });
  const { imageNeeded } = await look({ host: target, recordedVolumes: [`images/${base}`], vms: [vm(), second] });
  expect(imageNeeded).toBe(true);
});

test.each([
  [200, "ok", "the server has it"],
  [404, "failed", "the server answered 404"],
  [503, "failed", "the server answered 503"],
  [405, "skipped", "does not say what it has"],
])(
  "a server that answers %i to the question for the image: %s, and nothing is fetched",
  async (status, expected, output) => {
    workstation();
    const methods: (string | undefined)[] = [];
    const url = await serveHttp((request, response) => {
      methods.push(request.method);
      response.writeHead(status).end();
    });
    const check = await imageOf(image(`${url}/image`));
    expect(check).toMatchObject({ status: expected, found: expect.stringContaining(output) });
    expect(methods).toEqual(["HEAD"]);
  },
);

test("a server that nobody is at is told with the reason", async () => {
  workstation();
  const check = await imageOf(image(`${await nowhere()}/image`));
  expect(check).toMatchObject({ status: "failed", found: expect.stringContaining("ECONNREFUSED") });
});

test("a preflight fetches nothing and writes nothing but the host's key", async () => {
  const home = workstation();
  const right = file("an image");
  await imageOf({ ...image(right.url), sha256: right.sha256 });
  expect(existsSync(join(home, "cache", "downloads", `${right.sha256}.qcow2`))).toBe(false);
  expect(readFileSync(join(home, ".config/holdfast/known_hosts/runners/crunchy"), "utf8").split("\n")).toHaveLength(2);
});

/** The plan of a stack with this configuration. */
function planned(
  values: Record<string, string>,
  found: Parameters<typeof planPreflight>[2] = { url: "https://f.example" },
) {
  const raw = { "host.address": "192.0.2.10", "forge.address": "192.0.2.1", ...values };
  const config = parseConfig("runners", "crunchy", runnersConfig, raw);
  const plan = planRunnerStack(config, undefined, { project: "runners", stack: "crunchy" });
  return planPreflight(config, plan, found, {
    volumes: ["images/x"],
    domains: ["x"],
    runnerUuid: null,
    hypervisors: [],
  });
}

test("the program's question follows from its configuration, and holds no token", () => {
  const args = planned({ "forge.token": "planted-token", "vm.ipCidr": "192.0.2.16/24", "vm.gateway": "192.0.2.1" });
  expect(args).toMatchObject({
    fenced: true,
    owner: "site.runners.crunchy",
    vms: [{ domain: "runner-crunchy", cidr: "192.0.2.16/24", volumes: { root: "runner-crunchy.qcow2" } }],
    recordedVolumes: ["images/x"],
    recordedDomains: ["x"],
    downloads: [{ key: "vm.image.url" }],
    forge: { url: "https://f.example", scope: "" },
  });
  expect(JSON.stringify(args)).not.toContain("planted-token");
  expect(preflight.inputs.safeParse(args).success).toBe(true);
});

test("the forge host is asked over SSH where there is no token, at the address that is configured", () => {
  expect(planned({}).forge?.forgeHost).toMatchObject({
    ...{ host: "192.0.2.1", user: "root", command: "sudo -n -u git forgejo --config /etc/forgejo/app.ini" },
  });
  expect(planned({}, { problem: "none" }).forge).toMatchObject({ problem: "none", forgeHost: { host: "192.0.2.1" } });
});

test("a runner program of one's own is looked for too", () => {
  const binary = { "runner.binary.url": "file:///runner", "runner.binary.sha256": sha256 };
  expect(planned(binary).downloads.map(({ key }) => key)).toEqual(["vm.image.url", "runner.binary.url"]);
});

test("a recorded state says which volumes, domains and registration are ours", () => {
  const state = new URL("../../lab/recorded/release-0.1/runners.json", import.meta.url);
  const { deployment } = JSON.parse(readFileSync(state, "utf8"));
  const { volumes, domains, runnerUuid } = recordedIn(deployment.resources);
  expect(volumes.sort()).toEqual([
    "images/foundation-runner-02-base-d175865cc2c7.qcow2",
    "images/foundation-runner-02-seed.iso",
    "images/foundation-runner-02.qcow2",
  ]);
  expect(domains).toEqual(["foundation-runner-02"]);
  expect(runnerUuid).toBe("927d6786-706e-44b5-b3eb-695ed282861a");
  const nothing = [{ type: "libvirt:index/volume:Volume" }, { outputs: { pool: "a", name: "b", uuid: "c" } }, {}];
  expect(recordedIn(nothing)).toEqual({ volumes: [], domains: [], runnerUuid: null, hypervisors: [] });
});
