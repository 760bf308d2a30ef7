/**
 * What is put onto a VM for a runner: files with their modes, commands, bounds, and that the runner's token is in exactly
 * one file and in no command.
 *
 * Not proven here: that systemd, docker and the runner take it (the lab ring does, with a stand-in for the runner).
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import {
  declaredPattern,
  directory,
  planRunner,
  type RunnerPlan,
  type RunnerSettings,
} from "../../../../components/runner/plan.ts";

const digest = "b".repeat(64);
const container = { kind: "container", image: `data.forgejo.org/forgejo/runner:12.13.2@sha256:${digest}` } as const;
const binary = { kind: "binary", url: "https://example.org/forgejo-runner", sha256: digest } as const;
const settings: RunnerSettings = {
  uuid: "0b1e5b7e-3d53-4a1b-9d43-8a2f6f6a8b11",
  token: "0123456789abcdef0123456789abcdef01234567",
  name: "foundation-runner-02",
  forgeUrl: "https://forge.example.org",
  labels: ["fenced", "heavy:docker://node:20"],
  jobImage: `node@sha256:${"c".repeat(64)}`,
  capacity: 2,
  drainSeconds: 600,
  execution: container,
};

const both = [
  ["container", settings],
  ["binary", { ...settings, execution: binary }],
] as const;

function file(plan: RunnerPlan, end: string) {
  const found = plan.files.find(({ path }) => path.endsWith(end));
  if (!found) throw new Error(`no file ${end}`);
  return found;
}

/** Every text of a plan that is run by a shell. */
function commands(plan: RunnerPlan): string[] {
  const images = plan.images.flatMap(({ present, pull }) => [present, pull]);
  return [plan.prepare, ...images, plan.start, plan.stop, plan.alive, plan.log];
}

test("the token is in .runner alone: in no command and in no other file, whatever it is", () => {
  const given = fc.record(
    {
      uuid: fc.uuid(),
      token: fc.oneof(fc.stringMatching(/^[0-9a-f]{40}$/), fc.stringMatching(/^[\x20-\x7e]{24,40}$/)),
      name: fc.stringMatching(/^[a-z][a-z0-9-]{1,20}$/),
      forgeUrl: fc.webUrl(),
      labels: fc.array(fc.stringMatching(/^[\w.-]{1,12}$/), { minLength: 1, maxLength: 3 }),
      jobImage: fc.constant(settings.jobImage),
      capacity: fc.integer({ min: 1, max: 9 }),
      drainSeconds: fc.integer({ min: 0, max: 86_400 }),
      execution: fc.constantFrom(container, binary),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(given, (runner) => {
      const plan = planRunner(runner);
      for (const command of commands(plan)) expect(command).not.toContain(runner.token);
      for (const { path, content } of plan.files) {
        if (!path.endsWith("/.runner")) expect(content).not.toContain(runner.token);
      }
      const { uuid, token, name } = runner;
      const labels = runner.labels.map((label) => `${label}:docker://${runner.jobImage}`);
      expect(JSON.parse(file(plan, "/.runner").content)).toMatchObject({
        uuid,
        token,
        name,
        labels,
        address: runner.forgeUrl,
      });
      expect(parse(file(plan, "/config.yml").content).runner).toMatchObject({
        capacity: runner.capacity,
        labels,
        shutdown_timeout: `${runner.drainSeconds}s`,
      });
    }),
  );
});

test.each(both)("%s: the commands are well-formed shell", (_kind, runner) => {
  for (const command of commands(planRunner(runner))) {
    expect(() => execFileSync("/bin/sh", ["-n"], { input: command, stdio: "pipe" })).not.toThrow();
  }
});

test.each(both)("%s: only the runner's account can read registration and configuration", (_kind, runner) => {
  const plan = planRunner(runner);
  const account = runner.execution.kind === "container" ? "1000:1000" : "forgejo-runner:forgejo-runner";
  expect(file(plan, "/.runner")).toMatchObject({ path: `${directory}/.runner`, mode: "0600", owner: account });
  expect(file(plan, "/config.yml")).toMatchObject({ path: `${directory}/config.yml`, mode: "0600", owner: account });
  expect(plan.prepare).toContain("install -d -m 0700");
});

test.each(both)("%s: stopping waits longer than the daemon drains, and removes the registration", (_kind, runner) => {
  const plan = planRunner(runner);
  expect(plan.stopSeconds).toBeGreaterThan(runner.drainSeconds);
  expect(plan.stop).toContain(`rm -f ${directory}/.runner`);
});

test("the container gets the socket with the group of its number, and comes back after a reboot", () => {
  const plan = planRunner(settings);
  expect(plan.start).toContain('--group-add "$(stat -c %g /var/run/docker.sock)"');
  expect(plan.start).toContain("--restart unless-stopped");
  expect(plan.start).toContain('"$image" forgejo-runner daemon --config "$inside/config.yml"');
  expect(plan.start).toContain('--stop-timeout "$seconds"');
  expect(plan.start).toMatch(new RegExp(`'${container.image}' '1000:1000' '${directory}' '/data' '630'$`));
  expect(plan.start).not.toMatch(/--privileged|--env|-e /);
  expect(plan.files.map(({ path }) => path)).toEqual([`${directory}/.runner`, `${directory}/config.yml`]);
  expect(parse(file(plan, "/config.yml").content).runner.file).toBe("/data/.runner");
});

test("the systemd unit drains on stop, restarts the daemon, and starts at boot", () => {
  const plan = planRunner({ ...settings, execution: binary });
  const unit = file(plan, ".service");
  expect(unit).toMatchObject({ path: "/etc/systemd/system/forgejo-runner.service", mode: "0644", owner: "root:root" });
  const entries = unit.content.split("\n");
  for (const entry of [
    "User=forgejo-runner",
    `ExecStart=/usr/local/bin/forgejo-runner daemon --config ${directory}/config.yml`,
    "Restart=always",
    "KillMode=mixed",
    "TimeoutStopSec=630",
    "WantedBy=multi-user.target",
  ]) {
    expect(entries).toContain(entry);
  }
  expect(plan.start).toMatch(
    /systemctl enable --quiet --no-reload forgejo-runner.service && systemctl daemon-reload && systemctl restart/,
  );
  expect(parse(file(plan, "/config.yml").content).runner.file).toBe(`${directory}/.runner`);
});

test.each(both)(
  "%s: jobs get neither docker's socket nor anything of the VM, and their image is there",
  (_kind, runner) => {
    const { container } = parse(file(planRunner(runner), "/config.yml").content);
    expect(container).toEqual({ docker_host: "-", privileged: false, valid_volumes: [], force_pull: false });
  },
);

test.each(both)(
  "%s: every label says where its jobs run, in the registration and in the configuration",
  (_kind, runner) => {
    const resolvedImages = { "node:20": `node@sha256:${"d".repeat(64)}` };
    const plan = planRunner({ ...runner, labels: [...runner.labels, "own:host"], resolvedImages });
    const labels = [`fenced:docker://${settings.jobImage}`, `heavy:docker://node@sha256:${"d".repeat(64)}`, "own:host"];
    expect(parse(file(plan, "/config.yml").content).runner.labels).toEqual(labels);
    expect(JSON.parse(file(plan, "/.runner").content).labels).toEqual(labels);
  },
);

test.each([
  ["as it was written", (text: string) => text, true],
  [
    "as runner 6.3.1 wrote it anew",
    (text: string) =>
      `${JSON.stringify({ ...JSON.parse(text), WARNING: "This file is automatically generated", labels: [] }, null, 2)}\n`,
    true,
  ],
  ["with another token", (text: string) => text.replace(settings.token, settings.token.replace("0", "1")), false],
  ["with another uuid", (text: string) => text.replace(settings.uuid, "0000"), false],
  ["with another forge", (text: string) => text.replace("forge.example.org", "forge.example.com"), false],
  ["empty", () => "", false],
])("a registration file %s counts as intact: %s", (_what, change, expected) => {
  const { content, intact = "", path } = file(planRunner(settings), "/.runner");
  const directory = mkdtempSync(join(tmpdir(), "runner-file-"));
  writeFileSync(join(directory, ".runner"), change(content));
  const check = () => execFileSync("/bin/sh", ["-c", intact.replaceAll(path, join(directory, ".runner"))]);
  expect(intact).not.toContain(settings.token);
  if (expected) expect(check).not.toThrow();
  else expect(check).toThrow();
});

test("the VM gets the images of runner and jobs, each once, with the key that names it", () => {
  const keys = (runner: RunnerSettings) => planRunner(runner).images.map(({ key, image }) => [key, image]);
  const jobs = [
    ["runner.jobImage", settings.jobImage],
    ["runner.labels", "node:20"],
  ];
  expect(keys({ ...settings, labels: [...settings.labels, "again"] })).toEqual([
    ["runner.image", container.image],
    ...jobs,
  ]);
  expect(keys({ ...settings, execution: binary })).toEqual(jobs);
  expect(keys({ ...settings, execution: binary, labels: ["fenced:host"] })).toEqual([]);
});

test("a program needs docker where its jobs do, and else none", () => {
  const prepare = (labels: string[]) => planRunner({ ...settings, execution: binary, labels }).prepare;
  expect(prepare(["fenced"])).toMatch(/'forgejo-runner' 'docker' 'account'$/);
  expect(prepare(["fenced:host"])).toMatch(/'forgejo-runner' 'account'$/);
});

test.each([
  ["true false unless-stopped", true],
  ["false false unless-stopped", false],
  ["true true unless-stopped", false],
  ["true false no", false],
  ["", false],
])("a container that docker describes as %j counts as alive: %s", (output, alive) => {
  const docker = `docker() { echo '${output}'; }\n`;
  const check = () => execFileSync("/bin/sh", [], { input: docker + planRunner(settings).alive, stdio: "pipe" });
  if (alive) expect(check).not.toThrow();
  else expect(check).toThrow();
});

test("the forge's acceptance is recognised in the log of Forgejo's and of Gitea's runner", () => {
  expect("runner: foundation-runner-02, with version: v6.3.1, with labels: [fenced], declared successfully").toMatch(
    declaredPattern,
  );
  expect("Runner registered successfully.").not.toMatch(declaredPattern);
});
