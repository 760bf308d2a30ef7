/**
 * The lab's stand-ins against the real Gitea of a lab site: what the product installs, registers and waits for behaves
 * as the real programs do where the product can see it. docs/lab.md says what that does not prove.
 */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ForgeClient, type ForgeJob } from "../../lab/forge-client.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { type Site, siteDown, siteUp } from "../../lab/site.ts";
import { runnerProgramText } from "../../lab/stand-ins/runner-program.ts";
import { until } from "../../lab/wait.ts";
import { forgejoCommand } from "../../lib/forge/forgejo-command.ts";

const missing = missingPrerequisites().filter((item) => !item.startsWith("package "));
const name = "t-runner";
const repository = "probe";
let site: Site;
let forge: ForgeClient;

/** A secret as an operator makes one: 40 hexadecimal characters. */
const newSecret = () => randomBytes(20).toString("hex");

/** Registers a runner as the product does without an API token: Forgejo's command line over SSH, secret on stdin. */
async function register(secret: string, runner: string, labels = "fenced", command = forgejoCommand({ user: "root" })) {
  const { sshKeyPath, knownHostsPath } = site.workstation;
  const options = ["-i", sshKeyPath, "-o", "BatchMode=yes", "-o", `UserKnownHostsFile=${knownHostsPath}`];
  const remote = `${command} forgejo-cli actions register --name ${runner} --labels ${labels} --secret-stdin=true`;
  return site.workstation.run("ssh", [...options, "root@forge.lab", remote], { input: secret, check: false });
}

/** Runs a shell command where the runner is: on the host, whose root file system has what a VM has, too. */
function onHost(script: string, input?: string) {
  return site.hosts.crunchy.exec("bash", ["-c", script], {
    check: false,
    timeoutMs: 60_000,
    ...(input ? { input } : {}),
  });
}

/** Starts a daemon as a service, as on a VM. Its log is in the journal under the unit's name. */
async function startDaemon(unit: string, secret: string, config: string): Promise<void> {
  const directory = `/var/lib/${unit}`;
  await onHost(
    `mkdir -p ${directory} && cat >${directory}/config.yml`,
    `runner:\n  file: ${directory}/.runner\n${config}`,
  );
  const create = `forgejo-runner -c ${directory}/config.yml create-runner-file --instance ${site.forge.url} --name ${unit} --secret ${secret} --connect`;
  const created = await onHost(create);
  expect(created, created.stderr).toMatchObject({ exitCode: 0 });
  await onHost(`systemd-run --unit ${unit} --property KillMode=mixed --property TimeoutStopSec=60 \
    --property WorkingDirectory=${directory} /usr/local/bin/forgejo-runner daemon --config ${directory}/config.yml`);
}

const journal = async (unit: string) => (await onHost(`journalctl -q --no-pager -o cat -u ${unit}`)).stdout;

const logSays = (unit: string, text: string) =>
  until(
    { what: `"${text}" in the log of ${unit}`, boundMs: 20_000, everyMs: 200, lookAt: `journalctl -u ${unit}` },
    async () => (await journal(unit)).includes(text),
  );

/** Commits a workflow of one job and waits for the job to be as `wanted`. */
async function job(
  workflow: string,
  steps: string,
  wanted: (job: ForgeJob) => boolean,
  runsOn = "fenced",
): Promise<ForgeJob> {
  const text = `on: push\njobs:\n  ${workflow}:\n    runs-on: ${runsOn}\n    steps:\n${steps}\n`;
  await forge.putFile(repository, `.forgejo/workflows/${workflow}.yml`, text, `Run ${workflow}`);
  return jobBecomes(workflow, wanted);
}

function jobBecomes(workflow: string, wanted: (job: ForgeJob) => boolean): Promise<ForgeJob> {
  const wait = {
    what: `the awaited state of job ${workflow}`,
    boundMs: 40_000,
    everyMs: 200,
    lookAt: "the forge's Actions page",
  };
  return until(wait, async () =>
    (await forge.jobs(repository)).find((found) => found.name === workflow && wanted(found)),
  );
}

/** Workflow files that stay would run again with each commit. */
async function forget(): Promise<void> {
  await forge.deleteRepository(repository);
  await forge.createRepository(repository);
}

/** Starts of forgejo-runner 12.8.2 that reach no forge. */
const recorded = join(import.meta.dirname, "../recorded/forgejo-runner");

interface RecordedStart {
  args: string[];
  config?: string;
  runnerFile?: string;
  rc: number;
  stderr: string;
}

/** Lines of a log without their times and what only the official one says of its own configuration. */
function output(log: string): string[] {
  const lines = log.trim().split("\n");
  return lines
    .map((line) => line.replace(/^time="[^"]*" /, ""))
    .filter((line) => !line.includes("using default settings"));
}

const ended = (found: ForgeJob) => found.status === "completed";

describe.skipIf(missing.length > 0)("the runner stand-in on a real forge", { timeout: 90_000 }, () => {
  const secret = newSecret();

  beforeAll(async () => {
    await siteDown(name);
    site = await siteUp({ name });
    forge = new ForgeClient(site);
    await onHost("cat >/usr/local/bin/forgejo-runner && chmod 755 /usr/local/bin/forgejo-runner", runnerProgramText());
    await forget();
    expect((await register(secret, "runner-1")).exitCode).toBe(0);
    await startDaemon(
      "runner-1",
      secret,
      "  labels: [fenced:host]\n  fetch_interval: 200ms\n  report_interval: 200ms\n  shutdown_timeout: 30s\n",
    );
    await logSays("runner-1", "declared successfully");
  }, 1_800_000);

  afterAll(() => siteDown(name), 60_000);

  it("says that it is a stand-in, wherever it is asked", async () => {
    expect((await onHost("forgejo-runner --version")).stdout).toMatch(/not the official runner/);
    expect((await register(newSecret(), "announced")).stdout).toMatch(/this is not Forgejo/);
  });

  it.each(readdirSync(recorded).filter((name) => name.endsWith(".json")))(
    "starts as the official runner did: %s",
    async (name) => {
      const start = JSON.parse(readFileSync(join(recorded, name), "utf8")) as RecordedStart;
      const home = `/run/${name}`;
      await onHost(`mkdir -p ${home} && cat >${home}/.runner`, start.runnerFile ?? "");
      const config = start.config?.replace("/var/lib/forgejo-runner", home) ?? "";
      await onHost(`cat >${home}/config.yml; ${start.runnerFile ? "" : `rm ${home}/.runner`}`, config || " ");
      const own = start.args.map((argument) => argument.replace("/var/lib/forgejo-runner", home));
      const now = await onHost(`cd ${home} && ${own.map((argument) => `'${argument}'`).join(" ")}`);
      expect(now).toMatchObject({ exitCode: start.rc });
      expect(output(now.stderr)).toEqual(output(start.stderr));
    },
  );

  it("declares itself as the official runner does", async () => {
    expect(await journal("runner-1")).toMatch(
      /runner: runner-1, with version: v\S+, with labels: \[fenced\], ephemeral: false, declared successfully/,
    );
    const listed = (await forge.runners()).find((runner) => runner.name === "runner-1");
    expect(listed).toMatchObject({ status: "online", labels: ["fenced"] });
  });

  it("turns a job green, with a nonce of the machine in the forge's log", async () => {
    const nonce = randomBytes(8).toString("hex");
    await onHost(`echo ${nonce} >/run/nonce`);
    const steps = `      - run: echo "nonce $(cat /run/nonce) on $GITHUB_REPOSITORY for \${{ github.actor }}"\n      - run: test "$GREETING" = hello\n        env: { GREETING: hello }`;
    const green = await job("green", steps, ended);
    expect(green).toMatchObject({ conclusion: "success", runnerName: "runner-1" });
    expect(await forge.jobLog(repository, green.id)).toContain(`nonce ${nonce} on holdfast/probe for holdfast`);
    await forget();
  });

  it("turns a failing job red and runs none of its later steps", async () => {
    const red = await job(
      "red",
      "      - run: exit 3\n      - run: echo never seen\n      - run: echo cleanup\n        if: always()",
      ended,
    );
    expect(red.conclusion).toBe("failure");
    const log = await forge.jobLog(repository, red.id);
    expect(log).toContain("exit status 3");
    expect(log).toContain("cleanup");
    expect(log).not.toContain("never seen");
    await forget();
  });

  it("turns a job red that asks for what it does not have", async () => {
    const red = await job("unsupported", "      - { run: 'true', shell: pwsh }", ended);
    expect(red.conclusion).toBe("failure");
    expect(await forge.jobLog(repository, red.id)).toContain("holdfast lab stand-in: `shell: pwsh` is not supported");
    await forget();
  });

  it("leaves a job with a missing label in the queue", async () => {
    await job("elsewhere", "      - run: 'true'", () => true, "other-label");
    // A job that comes later and is done shows that the runner has looked at the queue.
    await job("fenced-one", "      - run: 'true'", ended);
    expect((await forge.jobs(repository)).find((found) => found.name === "elsewhere")?.status).toMatch(
      /queued|waiting/,
    );
    await forget();
  });

  it("cancels a job when the forge says so", async () => {
    const workflow =
      "on: push\nconcurrency: { group: one, cancel-in-progress: true }\njobs:\n  slow:\n    runs-on: fenced\n    steps: [{ run: sleep 300 }]\n";
    await forge.putFile(repository, ".forgejo/workflows/slow.yml", workflow);
    const first = await jobBecomes("slow", (found) => found.status === "in_progress");
    await forge.putFile(repository, ".forgejo/workflows/slow.yml", workflow.replace("sleep 300", "'true'"), "Overtake");
    await jobBecomes("slow", (found) => found.id === first.id && found.conclusion === "cancelled");
    await jobBecomes("slow", (found) => found.id !== first.id && found.conclusion === "success");
    expect((await onHost("pgrep -fc '^sleep 300'")).stdout).toBe("0");
    await forget();
  });

  it("finishes a job that runs when it is stopped, and then ends", async () => {
    await job("drained", "      - run: sleep 3; echo finished in peace", (found) => found.status === "in_progress");
    await onHost("systemctl stop runner-1");
    const drained = await jobBecomes("drained", ended);
    expect(drained.conclusion).toBe("success");
    expect(await forge.jobLog(repository, drained.id)).toContain("finished in peace");
    await forget();
  });

  it("without a drain time ends the job as a failure", async () => {
    const hasty = newSecret();
    await register(hasty, "hasty");
    await startDaemon("hasty", hasty, "  labels: [fenced:host]\n  fetch_interval: 200ms\n");
    await job("cut", "      - run: sleep 300", (found) => found.status === "in_progress");
    const began = performance.now();
    await onHost("systemctl stop hasty");
    expect(performance.now() - began).toBeLessThan(15_000);
    expect((await jobBecomes("cut", ended)).conclusion).toBe("failure");
    await forget();
  });
});

describe.skipIf(missing.length > 0)("registrations on a real forge", { timeout: 60_000 }, () => {
  beforeAll(async () => {
    site = await siteUp({ name });
    forge = new ForgeClient(site);
    await onHost("cat >/usr/local/bin/forgejo-runner && chmod 755 /usr/local/bin/forgejo-runner", runnerProgramText());
  }, 1_800_000);

  afterAll(() => siteDown(name), 60_000);

  it("are idempotent by the first 16 characters, and the rest can be rotated", async () => {
    const secret = newSecret();
    const before = (await forge.runners()).length;
    const uuid = (await register(secret, "same")).stdout.split("\n").at(-1);
    expect(uuid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect((await register(secret, "same")).stdout.split("\n").at(-1)).toBe(uuid);
    const rotated = secret.slice(0, 16) + newSecret().slice(16);
    expect((await register(rotated, "same")).stdout.split("\n").at(-1)).toBe(uuid);
    expect((await forge.runners()).length).toBe(before + 1);
    const connect = (value: string) =>
      onHost(
        `cd /tmp && forgejo-runner create-runner-file --instance ${site.forge.url} --name same --secret ${value} --connect`,
      );
    expect((await connect(rotated)).exitCode).toBe(0);
    expect(await connect(secret), "the old secret").toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/unregistered runner/),
    });
  });

  it("refuse a secret that is none", async () => {
    const short = await register("abc", "short");
    expect(short).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/must be exactly 40 characters long, not 3/),
    });
  });

  it.each([
    ["root", "forgejo --config /etc/forgejo/app.ini", /not supposed to be run as root/],
    ["a configuration that is not named", "sudo -n -u git forgejo", /Unable to load config file/],
    ["one that is not there", "sudo -n -u git forgejo --config /etc/nothing.ini", /Unable to load config file/],
  ])("refuse %s, in Forgejo's words", async (_what, command, words) => {
    const refused = await register(newSecret(), "never", "fenced", command);
    expect(refused).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(words) });
    expect((await forge.runners()).some((runner) => runner.name === "never")).toBe(false);
  });

  it("are proven by the preflight's own look, which makes no row", async () => {
    const before = (await forge.runners()).length;
    const refused = await register("0".repeat(39), "looked");
    expect(refused.stderr).toMatch(/must be exactly 40 characters long, not 39/);
    expect((await forge.runners()).length).toBe(before);
  });

  it("make a new row where the old one was deleted, with the same uuid", async () => {
    const secret = newSecret();
    const uuid = (await register(secret, "twice")).stdout.split("\n").at(-1);
    const row = async () => (await forge.runners()).find((runner) => runner.name === "twice");
    const first = await row();
    await forge.deleteRunner(first?.id ?? 0);
    expect((await register(secret, "twice")).stdout.split("\n").at(-1)).toBe(uuid);
    const second = await row();
    expect(second).toBeDefined();
    expect(second?.id).not.toBe(first?.id);
  });

  it("are made by a token of the API, too, and with it run one job", async () => {
    const token = await forge.registrationToken();
    const own = "cd $(mktemp -d) && forgejo-runner register --no-interactive";
    const done = await onHost(
      `${own} --instance ${site.forge.url} --token ${token} --name by-token --labels fenced:host && stat -c %a .runner && forgejo-runner one-job`,
    );
    expect(done.stdout).toContain("600");
    expect(done, "an empty queue").toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/no task received/) });
    expect((await forge.runners()).find((runner) => runner.name === "by-token")?.labels).toEqual(["fenced"]);
    const refused = await onHost(`${own} --instance ${site.forge.url} --token wrong --name never`);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/registration token not found/) });
  });

  it("that are taken away make the daemon say so, and end it at its next start", async () => {
    const secret = newSecret();
    await register(secret, "orphan");
    await startDaemon("orphan", secret, "  labels: [orphan:host]\n  fetch_interval: 200ms\n");
    await logSays("orphan", "declared successfully");
    const listed = (await forge.runners()).find((runner) => runner.name === "orphan");
    await forge.deleteRunner(listed?.id ?? 0);
    await logSays("orphan", "unregistered runner");
    expect((await onHost("systemctl is-active orphan")).stdout.trim()).toBe("active");
    const again = await onHost("forgejo-runner daemon --config /var/lib/orphan/config.yml");
    expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/unregistered runner/) });
  });
});
