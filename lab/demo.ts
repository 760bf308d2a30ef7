/**
 * The main job of the lab: foundation, then a fenced runner on crunchy, then a workflow that turns green on it, with
 * proof of where it ran. Everything in it can be run again; what stands is left as it is.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Failure } from "../lib/failure.ts";
import { note, step } from "../lib/progress.ts";
import { ensureToolchain } from "../toolchain/index.ts";
import type { CommandOptions, CommandResult } from "./command.ts";
import { ForgeClient, type ForgeJob } from "./forge-client.ts";
import { pushImage } from "./registry.ts";
import { type Site, siteUp } from "./site.ts";
import { runnerProgram } from "./stand-ins/runner-program.ts";
import { until } from "./wait.ts";
import { configureStack, deploy, openWorkspace, type Workspace } from "./workspace.ts";

/** Address of the runner's VM on the lab's LAN, and its name. */
export const runnerVm = { address: "198.51.100.15", name: "foundation-runner-02" } as const;

const repository = "fenced-job";
const workflowPath = ".forgejo/workflows/where.yml";
/** What the VM's kernel makes at every boot: a job in a container sees it too, and another machine has another one. */
const nonceFile = "/proc/sys/kernel/random/boot_id";

/** What the demo proved. */
export interface Proof {
  job: ForgeJob;
  /** The lines of the job's log that say where it ran. */
  lines: string[];
}

/** Brings up toolchain and site and opens the operator's clone on its workstation. */
export async function openSite(name: string): Promise<Workspace> {
  const toolchain = await ensureToolchain(["pulumi", "libvirt", "gitea"]);
  const site = await step(`Site ${name}`, () => siteUp({ name }));
  return openWorkspace(site, toolchain);
}

/** States the site as the foundation's contract. */
export async function deployFoundation(workspace: Workspace): Promise<void> {
  const { network, forge } = workspace.site;
  const lan = {
    name: "lan",
    bridge: "br0",
    cidr: network.cidr,
    gateway: network.gateway,
    dns: [network.gateway],
    dhcp: network.dhcp,
  };
  await step("pulumi up: foundation/shared", async (report) => {
    await configureStack(workspace, ".", "shared", {
      "site.id": "lab",
      networks: JSON.stringify([lan]),
      authorities: JSON.stringify({ forge: { url: forge.url, address: forge.address, secretKey: "forge.token" } }),
    });
    report.detail(await deploy(workspace, ".", "shared"));
  });
}

/**
 * Configuration of the runner stack in the lab: the seed's keys, smaller sizes, the stand-in for the runner program, and the
 * image that its jobs run in, pushed to the forge's registry.
 */
export async function runnerConfiguration(site: Site): Promise<Record<string, string>> {
  const runner = runnerProgram();
  return {
    "site.id": "lab",
    "site.stack": "shared",
    "host.address": site.hosts.crunchy.address,
    "forge.address": site.forge.address,
    "vm.name": runnerVm.name,
    "vm.ipCidr": `${runnerVm.address}/24`,
    "vm.type": site.virtType,
    "vm.vcpus": "1",
    "vm.memoryMb": "1024",
    "vm.diskGb": "8",
    "vm.image.url": pathToFileURL(site.guestImage.path).href,
    "vm.image.sha256": site.guestImage.sha256,
    "runner.jobImage": await pushImage(site, "job"),
    "runner.drainSeconds": "30",
    "runner.binary.url": pathToFileURL(runner).href,
    "runner.binary.sha256": createHash("sha256").update(readFileSync(runner)).digest("hex"),
  };
}

/**
 * Makes VM and runner on crunchy.
 * @param onLine told every line that Pulumi prints.
 */
export async function deployRunner(workspace: Workspace, onLine?: (line: string) => void): Promise<void> {
  const { site } = workspace;
  await step("pulumi up: runners/crunchy", async (report) => {
    note("stand-in: forgejo-runner is the lab's own program, because the official one cannot be had without internet");
    const token = readFileSync(site.forge.tokenFile, "utf8").trim();
    await configureStack(workspace, "runners", "crunchy", await runnerConfiguration(site), { "forge.token": token });
    report.detail(await deploy(workspace, "runners", "crunchy", onLine));
  });
}

/** Pushes the workflow if its last run does not already prove that it ran on today's VM, and waits for green. */
export async function proveFencedJob(workspace: Workspace): Promise<Proof> {
  const forge = new ForgeClient(workspace.site);
  const nonce = await vmNonce(workspace);
  const earlier = await findProof(forge, nonce);
  if (earlier) return earlier;
  return step("Job with runs-on: fenced", async () => {
    await forge.createRepository(repository);
    const before = new Set((await forge.jobs(repository)).map(({ id }) => id));
    await forge.putFile(repository, workflowPath, workflow(randomBytes(4).toString("hex")), "Ask where jobs run");
    return until(
      {
        what: "a green job with the VM's nonce",
        boundMs: 120_000,
        everyMs: 500,
        lookAt: `${workspace.site.forge.url} (npm run lab -- shell)`,
      },
      async () => {
        const jobs = await forge.jobs(repository);
        const red = jobs.find(({ id, conclusion }) => conclusion === "failure" && !before.has(id));
        if (red) throw new Failure(`job ${red.id} turned red:\n${await forge.jobLog(repository, red.id)}`);
        return findProof(forge, nonce);
      },
    );
  });
}

async function findProof(forge: ForgeClient, nonce: string): Promise<Proof | undefined> {
  const jobs = await forge.jobs(repository).catch(() => []);
  for (const job of jobs.filter(({ conclusion }) => conclusion === "success").slice(0, 3)) {
    const lines = ((await forge.jobLog(repository, job.id)) ?? "")
      .split("\n")
      .map((line) => line.replace(/^\S+Z /, "").trim())
      .filter((line) => line.startsWith("holdfast: "));
    if (lines.some((line) => line.includes(nonce))) return { job, lines };
  }
  return undefined;
}

/** Known to this boot of the VM alone: only a job that really ran there can know it. */
async function vmNonce(workspace: Workspace): Promise<string> {
  return (await onVm(workspace, `cat ${nonceFile}`)).stdout.trim();
}

/** Runs a shell command in the runner's VM, its host key checked against what the stack pinned. */
export function onVm({ site, env }: Workspace, script: string, options: CommandOptions = {}): Promise<CommandResult> {
  const knownHosts = `${env.HOME}/.config/holdfast/known_hosts/runners/crunchy`;
  const settings = [
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${knownHosts}`,
    "BatchMode=yes",
    "ConnectTimeout=10",
  ];
  const login = ["-i", site.workstation.sshKeyPath, "-F", "none", ...settings.flatMap((setting) => ["-o", setting])];
  return site.workstation.run("ssh", [...login, `root@${runnerVm.address}`, script], options);
}

function workflow(seed: string): string {
  return `# Says where it runs. ${seed}
on: [push]
jobs:
  where:
    runs-on: fenced
    steps:
      - run: |
          echo "holdfast: nonce $(cat ${nonceFile})"
          echo "holdfast: kernel $(uname -sr)"
          echo "holdfast: container $(hostname), Node.js $(node --version)"
`;
}
