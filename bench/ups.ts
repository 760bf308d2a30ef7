/**
 * From a configured stack to a green job: with `pulumi up`, and with the same VM and runner made by hand.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runnerConfiguration, runnerVm } from "../lab/demo.ts";
import { ForgeClient } from "../lab/forge-client.ts";
import { runnerProgram } from "../lab/stand-ins/runner-program.ts";
import { configureStack, pulumi, type Workspace } from "../lab/workspace.ts";
import { Failure } from "../lib/failure.ts";
import { step } from "../lib/progress.ts";
import { greenJob } from "./site.ts";
import type { Pair } from "./spread.ts";
import { milestones, type Part, parseTrace } from "./trace.ts";
import { type TimedLine, upParts } from "./up-parts.ts";

const repository = "bench";
const boundMs = 20 * 60_000;
const now = () => (performance.timeOrigin + performance.now()) / 1000;

/** What came of the runs. */
export interface Ups {
  pairs: Pair[];
  parts: Part[][];
}

/**
 * Pairs, each by hand first. The last runner of holdfast is left standing.
 * @param pairs 0: once with holdfast alone.
 */
export async function ups(workspace: Workspace, pairs: number): Promise<Ups> {
  const { site } = workspace;
  const forge = new ForgeClient(site);
  await forge.createRepository(repository);
  const token = readFileSync(site.forge.tokenFile, "utf8").trim();
  await configureStack(workspace, "runners", "crunchy", await runnerConfiguration(site), { "forge.token": token });
  const result: Ups = { pairs: [], parts: [] };
  for (let pair = 1; pair <= Math.max(pairs, 1); pair++) {
    if (pair > 1) await step("pulumi destroy", () => destroy(workspace));
    const other = pairs > 0 ? await step(`by hand ${pair} of ${pairs}`, () => byHand(workspace, forge)) : undefined;
    const { seconds, parts } = await step(`pulumi up ${pair} of ${Math.max(pairs, 1)}`, () => up(workspace, forge));
    result.parts.push(parts);
    if (other !== undefined) result.pairs.push({ holdfast: seconds, other });
  }
  return result;
}

async function up(workspace: Workspace, forge: ForgeClient): Promise<{ seconds: number; parts: Part[] }> {
  const trace = join(workspace.site.directory, "up.trace");
  rmSync(trace, { force: true });
  const lines: TimedLine[] = [];
  const began = now();
  await pulumi(
    workspace,
    "runners",
    ["up", "--yes", "--skip-preview", "--json", "--stack", "crunchy", "--otel-traces", `file://${trace}`],
    { timeoutMs: boundMs, onLine: (line) => lines.push({ at: now(), line }) },
  );
  await greenJob(forge, repository);
  const green = now();
  return { seconds: green - began, parts: upParts(milestones(parseTrace(readFileSync(trace, "utf8"))), lines, green) };
}

async function destroy(workspace: Workspace): Promise<void> {
  await pulumi(workspace, "runners", ["destroy", "--yes", "--skip-preview", "--stack", "crunchy"], {
    timeoutMs: boundMs,
  });
}

/** Seconds to the green job; everything is taken away again. */
async function byHand(workspace: Workspace, forge: ForgeClient): Promise<number> {
  const { site } = workspace;
  const work = mkdtempSync(join(site.directory, "by-hand-"));
  const env = await byHandEnvironment(workspace);
  const script = (verb: string) =>
    site.workstation.run(join(import.meta.dirname, "by-hand.sh"), [verb, work], {
      env,
      timeoutMs: boundMs,
    });
  const began = performance.now();
  await script("up");
  await greenJob(forge, repository);
  const seconds = (performance.now() - began) / 1000;
  await script("down");
  for (const { id, name } of await forge.runners()) if (name === runnerVm.name) await forge.deleteRunner(id);
  rmSync(work, { recursive: true });
  return seconds;
}

/** The same sizes, image and runner as the stack's configuration has; what it leaves to defaults is in the script. */
async function byHandEnvironment({ site }: Workspace): Promise<Record<string, string>> {
  const config = await runnerConfiguration(site);
  const of = (key: string): string => {
    const value = config[key];
    if (value === undefined) throw new Failure(`the lab's runner has no ${key} any more; bench/ups.ts reads it`);
    return value;
  };
  return {
    HOST: of("host.address"),
    KNOWN_HOSTS: site.workstation.knownHostsPath,
    KEY: site.workstation.sshKeyPath,
    NAME: runnerVm.name,
    ADDRESS: runnerVm.address,
    GATEWAY: site.network.gateway,
    DNS: site.network.gateway,
    MAC: "52:54:00:00:00:15",
    TYPE: of("vm.type"),
    VCPUS: of("vm.vcpus"),
    MEMORY_MB: of("vm.memoryMb"),
    DISK_GB: of("vm.diskGb"),
    IMAGE: site.guestImage.path,
    FORGE_URL: site.forge.url,
    TOKEN_FILE: site.forge.tokenFile,
    JOB_IMAGE: of("runner.jobImage"),
    RUNNER: runnerProgram(),
  };
}
