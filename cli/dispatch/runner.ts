/**
 * The runner that a job is for: its contract, whether it may take the job, and the way to it.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type OpsRunner as OpsRunnerContract, runnerContract } from "../../lib/contracts/runner.ts";
import { Failure } from "../../lib/failure.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import { opsRunner } from "../../ops-runner/project.ts";
import { type RunnerWays, withRunner } from "../../provider/runner/operations-access.ts";
import { sourceEntries } from "../../release/checkout.ts";
import { parseReference } from "../blueprint/references.ts";
import { checkout, type Pulumi } from "../pulumi.ts";
import { readContract } from "../stack.ts";
import { OpsRunner, type RunnerFacts } from "./remote.ts";

/** Bound on one stage of one attempt to log in, in seconds. */
const stageSeconds = 10;

/** The stack that `--runner` names: its own name, or a reference such as `platform/linux/ops-runner#onprem_ops_runner_bootstrap`. */
export function runnerStack(text: string, env: string): string {
  if (/^\w[\w.-]*$/.test(text)) return text;
  const place = parseReference(text, env);
  if (place?.project === opsRunner.name) return place.stack;
  throw new Failure(
    `${JSON.stringify(text)} names no operations runner`,
    "--runner <stack of ops-runner>, or ops-runner#<stack>",
  );
}

/**
 * The runner's contract. @throws Failure when it takes no work, or is of another environment.
 */
export async function readRunner(pulumi: Pulumi, stack: string, env: string): Promise<OpsRunnerContract> {
  const opsRunner = await readContract(pulumi, runnerContract, stack);
  const up = `pulumi up --stack ${stack}, in ops-runner/`;
  if (opsRunner.capability !== "ready") {
    throw new Failure(
      `the runner ${opsRunner.vm.name} takes no work: its toolchain is ${opsRunner.capability}`,
      `${up}, with runner_state present`,
    );
  }
  if (opsRunner.env !== "" && opsRunner.env !== env) {
    throw new Failure(
      `the runner ${opsRunner.vm.name} is of the environment ${opsRunner.env}, and the job is of ${env}; nothing was sent`,
      `a runner of ${env}, or one whose stack and pool name no environment`,
    );
  }
  return opsRunner;
}

/** The ways to a runner, as its bootstrap took them. */
export function waysTo({ vm, access }: OpsRunnerContract): RunnerWays {
  const { host, port, stack } = { host: vm.address, port: access.port, stack: access.knownHosts };
  const over = (way: NonNullable<OpsRunnerContract["access"]["jump"]>): SshTarget => ({ ...way, stack });
  return {
    vm: vm.key,
    target: { host, port, user: access.user, stack, ...(access.hostKey === "" ? {} : { hostKey: access.hostKey }) },
    direct: access.direct,
    ...(access.jump ? { jump: over(access.jump) } : {}),
    ...(access.bastion ? { bastion: over(access.bastion) } : {}),
    timeoutSeconds: stageSeconds,
  };
}

/**
 * Logs in and works.
 * @param waitSeconds how long logging in may take; 0 is one attempt.
 */
export function atOpsRunner<T>(
  contract: OpsRunnerContract,
  waitSeconds: number,
  work: (opsRunner: OpsRunner) => Promise<T>,
): Promise<T> {
  const { signal } = new AbortController();
  return withRunner(waysTo(contract), { waitSeconds, signal }, ({ connection }) =>
    work(new OpsRunner(connection, contract.vm.name)),
  );
}

/**
 * Whether the runner has what its stack installed, and the same programs as this checkout: other ones may decide otherwise.
 * @throws Failure where it has not.
 */
export function checkRelease(
  contract: OpsRunnerContract,
  facts: RunnerFacts,
  stack: string,
  anyRelease: boolean,
): void {
  const installed = contract.releaseDigest.slice("sha256:".length);
  const up = `pulumi up --stack ${stack}, in ops-runner/, brings this checkout's release`;
  if (!facts.release.endsWith(`/${installed}`)) {
    throw new Failure(
      `${contract.vm.name} has another release in use than its stack installed (${facts.release}); nothing was sent`,
      up,
    );
  }
  if (anyRelease) return;
  const own = ownSources();
  const there = sourcesIn(facts.manifest);
  const names = [...new Set([...own.keys(), ...there.keys()])].filter((name) => own.get(name) !== there.get(name));
  if (names.length === 0) return;
  const some = names.sort().slice(0, 3).join(", ");
  throw new Failure(
    `${contract.vm.name} has other programs than this checkout (${names.length} files, such as ${some}); nothing was sent`,
    `${up}; or --any-release, to run what is there`,
  );
}

function ownSources(): Map<string, string> {
  const entries = sourceEntries(checkout, "holdfast");
  return new Map(
    entries.flatMap((entry): [string, string][] => {
      return "from" in entry ? [[entry.path, createHash("sha256").update(readFileSync(entry.from)).digest("hex")]] : [];
    }),
  );
}

function sourcesIn(manifest: string): Map<string, string> {
  const lines = manifest.split("\n").flatMap((line): [string, string][] => {
    const [, sha256 = "", path = ""] = /^([0-9a-f]{64}) {2}(holdfast\/.+)$/.exec(line) ?? [];
    const packed = path === "" || path.startsWith("holdfast/node_modules/") || path.includes("/.bundle/");
    return packed ? [] : [[path, sha256]];
  });
  return new Map(lines);
}
