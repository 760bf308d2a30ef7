/**
 * The seed's own deploy commands, as they are written there: no API token, no site contract, a VM with DHCP. The runner is
 * registered over SSH on the forge host and runs as a container, as its jobs do, from images in a registry: the forge's own.
 * The runner's is configured by its tag, that of the jobs by its digest. What the lab needs besides (emulation, its own
 * images) is set with further keys.
 *
 * Real here: the engine, libvirt, the VM, docker in it, the registry, and the forge that accepts the runner, a Gitea. Not
 * proven: Forgejo's command line and the runner in the image are stand-ins.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSite, runnerConfiguration } from "../../lab/demo.ts";
import { ForgeClient, type ForgeJob } from "../../lab/forge-client.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { pushImage } from "../../lab/registry.ts";
import { siteDown } from "../../lab/site.ts";
import { until } from "../../lab/wait.ts";
import { pulumi, type Workspace } from "../../lab/workspace.ts";

const siteName = "t-seed";
const missing = missingPrerequisites().filter((what) => !what.startsWith("package "));

/** What of the lab's configuration no real site needs to say. */
const labKeys = ["vm.type", "vm.vcpus", "vm.memoryMb", "vm.diskGb", "vm.image.url", "vm.image.sha256"];
const runnerKeys = ["runner.drainSeconds", "runner.jobImage"];

describe.skipIf(missing.length > 0)("the seed's deploy commands", () => {
  let workspace: Workspace;
  let forge: ForgeClient;
  let fleet: { address: string; runner: { uuid: string } };
  /** The runner's image, by tag and digest. */
  let image: string;
  const runners = (args: string[], onLine?: (line: string) => void) =>
    pulumi(workspace, "runners", args, { check: false, timeoutMs: 600_000, ...(onLine ? { onLine } : {}) });

  beforeAll(async () => {
    await siteDown(siteName);
    workspace = await openSite(siteName);
    forge = new ForgeClient(workspace.site);
    await runners(["stack", "init", "crunchy"]);
    await runners(["config", "set", "host.address", workspace.site.hosts.crunchy.address]);
    await runners(["config", "set", "forge.address", workspace.site.forge.address]);
    image = await pushImage(workspace.site, "runner");
    const lab = Object.entries(await runnerConfiguration(workspace.site)).filter(([key]) =>
      [...labKeys, ...runnerKeys].includes(key),
    );
    lab.push(["runner.image", image.replace(/@.*/, "")]);
    await runners(["config", "set-all", ...lab.flatMap(([key, value]) => ["--plaintext", `${key}=${value}`])]);
  });

  afterAll(() => siteDown(siteName));

  /** Pushes a workflow of one job and waits until `done` holds for it. */
  async function runJob(
    repository: string,
    script: string[],
    done: (job: ForgeJob) => boolean,
    before: string[] = [],
  ): Promise<ForgeJob> {
    await forge.createRepository(repository);
    const lines = [...before, "      - run: |", ...script.map((line) => `          ${line}`)];
    const text = `on: [push]\njobs:\n  one:\n    runs-on: fenced\n    steps:\n${lines.join("\n")}\n`;
    await forge.putFile(repository, ".forgejo/workflows/one.yml", text);
    const wait = { what: `the job of ${repository}`, boundMs: 90_000, everyMs: 300, lookAt: "the forge's log" };
    return until(wait, async () => (await forge.jobs(repository)).find(done));
  }

  it("bring up a runner as a container, as user 1000, that docker starts again", async () => {
    const up = await runners(["up", "--yes", "--skip-preview"]);
    expect(up.exitCode, up.stdout).toBe(0);
    const exported = JSON.parse((await runners(["stack", "output", "fleet", "--json"])).stdout);
    expect(exported).toMatchObject({
      runner: { name: "runner-crunchy", forgeUrl: `http://${workspace.site.forge.address}:3000` },
    });
    expect(exported.address).toMatch(/^198\.51\.100\.1\d\d$/);
    fleet = exported;

    const format = "{{.State.Running}} {{.Config.User}} {{.HostConfig.RestartPolicy.Name}} {{.Config.Image}}";
    // Its tag was looked up: it is run by the digest that it has.
    const pinned = image.replace(/:stand-in@/, "@");
    expect(pinned).toMatch(/^forge\.lab:3000\/holdfast\/forgejo-runner@sha256:[0-9a-f]{64}$/);
    expect(await onVm(`docker inspect -f '${format}' forgejo-runner`)).toBe(`true 1000:1000 unless-stopped ${pinned}`);
    expect(await onVm("cd /var/lib/forgejo-runner && stat -c '%a %u' . .runner config.yml")).toBe(
      "700 1000\n600 1000\n600 1000",
    );
    expect(await onVm("systemctl is-enabled docker; pgrep -u 1000 -c -f 'forgejo-runner daemon'")).toBe("enabled\n1");
  });

  it("turn a job green in a container of its own, which has Node.js and nothing of the runner", async () => {
    await forge.createRepository("greet", { isPublic: true });
    const action = "name: greet\ninputs: { who: { default: you } }\nruns: { using: node20, main: main.js }\n";
    await forge.putFile("greet", "action.yml", action);
    await forge.putFile(
      "greet",
      "main.js",
      'console.log("hello", process.env.INPUT_WHO, "from", require("os").hostname());',
    );
    const script = [
      'echo "on $(hostname) as $(id -u)"',
      "for path in /data /var/lib/forgejo-runner /var/run/docker.sock; do",
      '  if [ -e $path ]; then echo "found $path"; fi',
      "done",
    ];
    const uses = ["      - uses: holdfast/greet@main", "        with: { who: crunchy }"];
    const job = await runJob("seed", script, ({ status }) => status === "completed", uses);
    const log = (await forge.jobLog("seed", job.id)) ?? "";
    expect(job.conclusion, log).toBe("success");
    const [, where] = /on ([0-9a-f]{12}) as 0/.exec(log) ?? [];
    expect(where, log).toBeDefined();
    expect(where).not.toBe(await onVm("docker inspect -f '{{.Config.Hostname}}' forgejo-runner"));
    expect(log).toContain(`hello crunchy from ${where}`);
    expect(log).not.toContain("found /");
    expect(await onVm("docker ps --all --format '{{.Names}}'; docker volume ls --quiet")).toBe("forgejo-runner");
  });

  it("preview clean; destroy lets the running job finish and revokes the runner's credentials", async () => {
    expect((await runners(["preview", "--expect-no-changes"])).exitCode).toBe(0);
    const exported = (await runners(["stack", "export", "--show-secrets"])).stdout;
    const secret = /"plaintext": "\\"([0-9a-f]{40})\\""/.exec(exported)?.[1] ?? "";
    const declare = () => runnerCall(workspace, fleet.runner.uuid, secret);
    expect(await declare()).toBe(200);
    expect(await onVm("docker inspect forgejo-runner; docker logs forgejo-runner 2>&1")).not.toContain(secret);

    // Longer than destroy needs to get to the runner, shorter than the drain time after that.
    const running = await runJob("drain", ["sleep 25", "echo finished"], ({ status }) => status === "in_progress");
    let asDrained: Promise<ForgeJob[]> | undefined;
    const destroy = await runners(["destroy", "--yes", "--skip-preview"], (line) => {
      if (line.includes("draining")) asDrained ??= forge.jobs("drain");
    });
    expect(destroy.exitCode, destroy.stdout).toBe(0);
    expect(destroy.stdout).toContain("can no longer log in");
    expect((await asDrained)?.[0]?.status).toBe("in_progress");
    expect((await forge.jobs("drain"))[0]).toMatchObject({ id: running.id, conclusion: "success" });
    expect(await forge.jobLog("drain", running.id)).toContain("finished");

    expect(await declare()).toBeGreaterThanOrEqual(400);
    const history = readFileSync(`${workspace.site.pulumi.stateDirectory}/.pulumi/stacks/runners/crunchy.json`, "utf8");
    expect(history).not.toContain(secret);
  });

  /** Standard output of a shell command in the VM, its host key checked against what the stack pinned. */
  async function onVm(script: string): Promise<string> {
    const { site, env } = workspace;
    const knownHosts = `${env.HOME}/.config/holdfast/known_hosts/runners/crunchy`;
    const settings = ["StrictHostKeyChecking=yes", `UserKnownHostsFile=${knownHosts}`, "BatchMode=yes"];
    const login = ["-i", site.workstation.sshKeyPath, "-F", "none", ...settings.flatMap((setting) => ["-o", setting])];
    return (await site.workstation.run("ssh", [...login, `root@${fleet.address}`, script])).stdout.trim();
  }
});

/** Status of the runner protocol's Declare with these credentials. They travel by standard input. */
async function runnerCall({ site }: Workspace, uuid: string, token: string): Promise<number> {
  const config = [
    `url = "${site.forge.url}/api/actions/runner.v1.RunnerService/Declare"`,
    'header = "Content-Type: application/json"',
    `header = "x-runner-uuid: ${uuid}"`,
    `header = "x-runner-token: ${token}"`,
    'data = "{\\"version\\":\\"test\\",\\"labels\\":[\\"fenced\\"]}"',
    'write-out = "%{http_code}"',
    'output = "/dev/null"',
  ];
  const { stdout } = await site.workstation.run("curl", ["--silent", "--max-time", "10", "--config", "-"], {
    input: `${config.join("\n")}\n`,
  });
  return Number(stdout);
}
