/**
 * An operations runner: reads configuration, site and the pool's VMs, has the release ready, installs it on the VM or removes it,
 * exports `runner@1`.
 */
import * as pulumi from "@pulumi/pulumi";
import { loadConfig } from "../lib/config/strict.ts";
import { consume, produce } from "../lib/contracts/contract.ts";
import { runnerContract } from "../lib/contracts/runner.ts";
import { siteContract } from "../lib/contracts/site.ts";
import { vmsContract } from "../lib/contracts/vms.ts";
import { operationsToolchainKind } from "../resources/runner/operations-toolchain.ts";
import { HoldfastProvider, Resource } from "../resources/sdk.ts";
import { opsRunnerConfig } from "./config.ts";
import { planRunner } from "./plan.ts";
import { readyRelease } from "./release.ts";
import { contractOf } from "./runner.ts";

const config = loadConfig(opsRunnerConfig);
const site = await consume(siteContract, { stack: config["site.stack"], file: config["site.file"] });
const vms = await consume(vmsContract, { stack: config["vms.stack"], file: config["vms.file"] });
const place = { project: pulumi.getProject(), stack: pulumi.getStack() };
const plan = planRunner(config, site, vms, place, process.env.HYOPS_ENV);
const release = plan.release && (await readyRelease(plan.release));

const toolchain = new Resource(
  operationsToolchainKind,
  "toolchain",
  { ...plan.toolchain, release },
  {
    provider: new HoldfastProvider("holdfast", {}),
    customTimeouts: { create: "120m", update: "120m", delete: "30m" },
  },
);

/** The runner, for the commands that send work to it. */
const contract = pulumi
  .all([toolchain.hostKey, toolchain.evidenceDir, toolchain.runId])
  .apply(([hostKey, evidenceDir, runId]) =>
    produce(runnerContract, contractOf(plan, release?.sha256, { hostKey, evidenceDir, runId })),
  );

export { contract as runner };

export const runner_state = config.runner_state;
export const runner_install_prefix = config.runner_install_prefix;
/** `cap.ctrl.runner`: whether work may be sent to it. */
export const capability = contract.apply((value) => value.capability);
export const status = contract.apply((value) => value.status);
export const version = toolchain.version;
export const evidence_dir = contract.apply((value) => value.evidenceDir);
export const run_id = contract.apply((value) => value.runId);
