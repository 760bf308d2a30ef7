/**
 * What a runner's stack says of it to others: `runner@1`. Pure.
 */
import type { OpsRunner } from "../lib/contracts/runner.ts";
import type { SshTarget } from "../lib/ssh/dial.ts";
import type { RunnerPlan } from "./plan.ts";

/** What the run that worked on it says. */
export type RunFacts = Pick<OpsRunner, "evidenceDir" | "runId"> & {
  /** The VM's public SSH host key that was met. */
  hostKey: string;
};

/**
 * The contract's value.
 * @param sha256 of the installed release; undefined where nothing is installed.
 */
export function contractOf(plan: RunnerPlan, sha256: string | undefined, run: RunFacts): OpsRunner {
  const { target, direct, jump, bastion, state, prefix } = plan.toolchain;
  const { hostKey, evidenceDir, runId } = run;
  const present = state === "present";
  return {
    contract: "runner@1",
    ...plan.facts,
    access: {
      ...{ user: target.user, port: target.port, hostKey, direct, knownHosts: target.stack },
      ...(jump ? { jump: wayOf(jump) } : {}),
      ...(bastion ? { bastion: wayOf(bastion) } : {}),
    },
    prefix,
    releaseDigest: present && sha256 ? `sha256:${sha256}` : "",
    capability: present ? "ready" : "absent",
    status: present ? "ok" : "absent",
    ...{ evidenceDir, runId },
  };
}

function wayOf({ host, port, user, hostKey }: SshTarget): NonNullable<OpsRunner["access"]["jump"]> {
  return { host, port, user, ...(hostKey === undefined ? {} : { hostKey }) };
}
