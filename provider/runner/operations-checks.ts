/**
 * What can be seen of an operations runner before anything is done there: whether it is reached, runs what it has to, has its
 * places free, and room for a release. Changes nothing on it.
 */
import type { Check } from "../../lib/preflight/check.ts";
import { shellQuote } from "../../lib/shell.ts";
import type { SshConnection } from "../../lib/ssh/connection.ts";
import type { OperationsInputs } from "../../resources/runner/operations-toolchain.ts";
import { withRunner } from "./operations-access.ts";
import { freeIn, megabytes, roomNeeded } from "./operations-delivery.ts";
import { type Observation, observe, taken, wrongSystem } from "./operations-observation.ts";

/** What a release with the plugin for Proxmox VE takes, packed and unpacked, in bytes: where none was built yet. */
const usualRelease = 550e6;

/** Bound on the whole look, in milliseconds. */
const boundMs = 120_000;

/** What was seen. */
export interface OpsRunnerLook {
  /** Whether the VM is reached over one of its ways. */
  route: Check;
  /** What holds on it; empty where it is not reached. */
  there: Check[];
}

/** Looks, once, at the VM and what is there of a toolchain. Never throws. */
export async function opsRunnerLook(inputs: OperationsInputs): Promise<OpsRunnerLook> {
  const { vm, target } = inputs;
  const what = `${vm} takes the login of ${target.user}`;
  const patience = { waitSeconds: 0, signal: AbortSignal.timeout(boundMs) };
  try {
    return await withRunner(inputs, patience, async ({ connection, route }) => {
      const seen = await observe(connection, inputs.prefix);
      const places = placesCheck(inputs, seen);
      const present = inputs.state === "present";
      const there = present ? [systemCheck(inputs, seen), places, await roomCheck(connection, inputs, seen)] : [places];
      return { route: { what, status: "ok", found: route }, there };
    });
  } catch (error) {
    const fix = "pulumi up of its pool, in platform-vm/, passes the readiness gate again and says more";
    return { route: { what, status: "failed", found: (error as Error).message, fix }, there: [] };
  }
}

function systemCheck(inputs: OperationsInputs, seen: Observation): Check {
  const what = `${inputs.vm} runs what a runner has to`;
  const [found, fix] = (wrongSystem(inputs, seen) ?? "").split("; ");
  if (found) return { what, status: "failed", found, ...(fix ? { fix } : {}) };
  const allowed = seen.osId === "ubuntu" ? "" : ", which runner_os allows";
  return { what, status: "ok", found: `${seen.osName}${allowed}` };
}

function placesCheck(inputs: OperationsInputs, seen: Observation): Check {
  const what = `${inputs.prefix} on ${inputs.vm} is free, or this stack's`;
  const [found, fix] = (taken(inputs, seen) ?? "").split("; ");
  if (found) return { what, status: "failed", found, ...(fix ? { fix } : {}) };
  return { what, status: "ok", found: seen.marker ? "this stack's" : "free" };
}

/** Where a release is installed already, the next one may be the same: then too little room only warns. */
async function roomCheck(
  connection: SshConnection,
  { vm, prefix, release }: OperationsInputs,
  { current }: Observation,
): Promise<Check> {
  const what = `${vm} has room for the release`;
  if (release !== undefined && release.sha256 === current) return { what, status: "ok", found: "it is there already" };
  const needed = (release && (await roomNeeded(release.sha256))) ?? usualRelease;
  const nearest = `d=${shellQuote(prefix)}; while [ ! -e "$d" ]; do d=$(dirname "$d"); done; df -Pk "$d"`;
  const { free, mount } = freeIn(await connection.must(nearest));
  const found = `${megabytes(free)} MB free on ${mount}, ${megabytes(needed)} MB needed`;
  if (free >= needed) return { what, status: "ok", found };
  return {
    ...{ what, status: current === "" ? "failed" : "warning", found },
    fix: "free some, or give the VM a larger disk_size_gb",
  };
}
