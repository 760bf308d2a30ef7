/**
 * The seed's own deploy commands, as they are written there: no API token, no site contract, a VM with DHCP. The runner is
 * registered over SSH on the forge host. Forgejo's command line there is a stand-in; the forge that accepts the runner is a
 * real Gitea. What the lab needs besides (emulation, its own image, the stand-in runner) is set with further keys.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSite, runnerConfiguration } from "../../lab/demo.ts";
import { ForgeClient } from "../../lab/forge-client.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { siteDown } from "../../lab/site.ts";
import { until } from "../../lab/wait.ts";
import { pulumi, type Workspace } from "../../lab/workspace.ts";

const siteName = "t-seed";
const missing = missingPrerequisites().filter((what) => !what.startsWith("package "));

/** What of the lab's configuration no real site needs to say. */
const labKeys = ["vm.type", "vm.vcpus", "vm.memoryMb", "vm.diskGb", "vm.image.url", "vm.image.sha256", "runner.labels"];
const runnerKeys = ["runner.drainSeconds", "runner.binary.url", "runner.binary.sha256"];

describe.skipIf(missing.length > 0)("the seed's deploy commands", () => {
  let workspace: Workspace;
  const runners = (...args: string[]) => pulumi(workspace, "runners", args, { check: false, timeoutMs: 600_000 });

  beforeAll(async () => {
    await siteDown(siteName);
    workspace = await openSite(siteName);
    await runners("stack", "init", "crunchy");
    await runners("config", "set", "host.address", workspace.site.hosts.crunchy.address);
    await runners("config", "set", "forge.address", workspace.site.forge.address);
    const lab = Object.entries(runnerConfiguration(workspace.site)).filter(([key]) =>
      [...labKeys, ...runnerKeys].includes(key),
    );
    await runners("config", "set-all", ...lab.flatMap(([key, value]) => ["--plaintext", `${key}=${value}`]));
  });

  afterAll(() => siteDown(siteName));

  it("bring up a runner that turns a job green, and destroy revokes its credentials", async () => {
    const forge = new ForgeClient(workspace.site);
    const up = await runners("up", "--yes", "--skip-preview");
    expect(up.exitCode, up.stdout).toBe(0);
    const fleet = JSON.parse((await runners("stack", "output", "fleet", "--json")).stdout);
    expect(fleet).toMatchObject({
      runner: { name: "runner-crunchy", forgeUrl: `http://${workspace.site.forge.address}:3000` },
    });
    expect(fleet.address).toMatch(/^198\.51\.100\.1\d\d$/);

    await forge.createRepository("seed");
    const job = "on: [push]\njobs:\n  one:\n    runs-on: fenced\n    steps:\n      - run: hostname\n";
    await forge.putFile("seed", ".forgejo/workflows/one.yml", job);
    const wait = { what: "a green job", boundMs: 90_000, everyMs: 300, lookAt: "the forge's log" };
    const green = await until(wait, async () =>
      (await forge.jobs("seed")).find(({ conclusion }) => conclusion === "success"),
    );
    expect(await forge.jobLog("seed", green.id)).toContain("runner-crunchy");

    const exported = (await runners("stack", "export", "--show-secrets")).stdout;
    const secret = /"plaintext": "\\"([0-9a-f]{40})\\""/.exec(exported)?.[1] ?? "";
    const declare = () => runnerCall(workspace, fleet.runner.uuid, secret);
    expect(await declare()).toBe(200);
    expect((await runners("preview", "--expect-no-changes")).exitCode).toBe(0);

    const destroy = await runners("destroy", "--yes", "--skip-preview");
    expect(destroy.exitCode, destroy.stdout).toBe(0);
    expect(destroy.stdout).toContain("can no longer log in");
    expect(await declare()).toBeGreaterThanOrEqual(400);
    const history = readFileSync(`${workspace.site.pulumi.stateDirectory}/.pulumi/stacks/runners/crunchy.json`, "utf8");
    expect(history).not.toContain(secret);
  });
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
