/**
 * The beginning of a job: everything that can be refused is refused before anything is changed or sent; then the stacks are
 * held, files and secrets are sent, and it begins. What fails before that leaves nothing behind, here or there; where that cannot
 * be, the job's record stays.
 */
import { hostname, userInfo } from "node:os";
import { resolve } from "node:path";
import type { OpsRunner as OpsRunnerContract } from "../../lib/contracts/runner.ts";
import { Failure } from "../../lib/failure.ts";
import { step } from "../../lib/progress.ts";
import { type Backend, backendOf, hasState, releaseLease, takeLease } from "../backend.ts";
import type { Interrupt } from "../blueprint/engine.ts";
import { newRun } from "../blueprint/evidence.ts";
import type { LoadedBlueprint } from "../blueprint/load.ts";
import { BlueprintLock } from "../blueprint/lock.ts";
import { prepareStacks, stacksOf } from "../blueprint/stacks.ts";
import { identityOf } from "../process.ts";
import type { Pulumi } from "../pulumi.ts";
import { certificatesOf, type JobSecrets, jobContent, jobPlaces, jobSecrets } from "./bundle.ts";
import { forgetJob } from "./follow.ts";
import { advance, type Job, writeJob } from "./job.ts";
import { jobScript, jobSettings } from "./job-script.ts";
import { type Needs, needsOfPlan } from "./needs.ts";
import type { OpsRunner, RunnerFacts } from "./remote.ts";
import { atOpsRunner, checkRelease } from "./runner.ts";

/** Bound on logging in, in seconds. */
const loginSeconds = 60;

/** What is asked for. */
export interface Order {
  loaded: LoadedBlueprint;
  verb: Job["verb"];
  /** Whether it changes anything. */
  changes: boolean;
  json: boolean;
  /** Stack of ops-runner, and its contract. */
  opsRunner: { stack: string; contract: OpsRunnerContract };
  /** Names of environment variables that go along, as secrets. */
  passed: readonly string[];
  /** Whether the runner may have other programs than this checkout. */
  anyRelease: boolean;
}

/**
 * Begins a job. @returns it, at work.
 * @throws Failure when it does not begin; nothing was changed then, but for stacks that were made.
 */
export async function beginJob(pulumi: Pulumi, order: Order, interrupt: Interrupt): Promise<Job> {
  const { loaded, verb, changes, opsRunner } = order;
  const { ref, env, steps } = loaded.plan;
  const backend = await backendOf(pulumi);
  const needs = needsOfPlan(loaded.plan);
  if (needs.problems.length > 0)
    throw new Failure(`nothing was sent:${needs.problems.map((line) => `\n  - ${line}`).join("")}`);
  const secrets = jobSecrets(order.passed);
  const id = newRun();
  const lock = changes ? await BlueprintLock.take(ref, env, id, `dispatched ${verb}`, true) : undefined;
  try {
    if (changes && verb === "deploy") await prepareStacks(pulumi, steps, await stacksOf(pulumi, steps));
    return await atOpsRunner(opsRunner.contract, loginSeconds, (there) =>
      sendJob(there, order, { id, backend, needs, secrets }, interrupt),
    );
  } catch (error) {
    // Whoever began a job that is at work leaves its lock to it.
    if (!(error instanceof BeganError)) lock?.release();
    throw error instanceof BeganError ? error.failure : error;
  }
}

/** What is known before anything is sent. */
export interface Prepared {
  id: string;
  backend: Backend;
  needs: Needs;
  secrets: JobSecrets;
}

/**
 * Holds the stacks, sends the job, and begins it.
 * @throws BeganError when it may have begun; Failure when something of it may have stayed there: its record stays, too.
 */
export async function sendJob(there: OpsRunner, order: Order, prepared: Prepared, interrupt: Interrupt): Promise<Job> {
  const { contract, stack } = order.opsRunner;
  const facts = await there.look(contract.prefix);
  checkRelease(contract, facts, stack, order.anyRelease);
  const job = hold(order, prepared, facts);
  let begun = job;
  try {
    await step(
      `Sending the job to ${contract.vm.name} (${contract.place}, ${contract.direction})`,
      async ({ detail }) => {
        const files = jobFilesOf(order, prepared, facts, job);
        await there.send(job, facts.release, files);
        await there.sendSecrets(job, facts.user, prepared.secrets.files);
        const held = job.leases.length > 0 ? `, ${job.leases.length} stack(s) held` : "";
        detail(`${files.size} files${held}`);
      },
    );
    if (interrupt.came) throw new Failure("interrupted before it began; nothing was changed");
    begun = advance(job, { phase: "sent" });
    await there.start(begun);
    return begun;
  } catch (error) {
    if (begun.phase === "sent" && !(await neverBegan(there, begun))) throw new BeganError(begun, error as Error);
    await there.clean(job).catch(() => {
      throw begun.phase === "sent" ? new BeganError(begun, error as Error) : leftBehind(job, error as Error);
    });
    forgetJob(job);
    throw error;
  }
}

/** A job that did not begin, and of which something stayed there: what it held here is free, and its record says where it is. */
function leftBehind(job: Job, cause: Error): Failure {
  for (const lease of job.leases) releaseLease(lease);
  advance(job, { leases: [] });
  return new Failure(
    `job ${job.id} did not begin: ${wordsOf(cause)}. What was sent of it, secrets among it, may still be on ${job.vm}; nothing was changed`,
    `holdfast dispatch attach ${job.id} takes it away there`,
    { cause },
  );
}

function wordsOf(error: Error): string {
  return error instanceof Failure ? error.what : error.message;
}

/** Whether it is certain that a job did not begin. */
async function neverBegan(there: OpsRunner, job: Job): Promise<boolean> {
  const state = await there.state(job).catch(() => undefined);
  return state?.at === "absent" || state?.at === "waiting";
}

/** The job, and the stacks held for it. */
function hold(order: Order, { id, backend }: Prepared, { home, user, memory }: RunnerFacts): Job {
  const { loaded, verb, changes, json, opsRunner } = order;
  const { plan, file } = loaded;
  const remote = {
    directory: `${home}/.local/state/holdfast/jobs/${id}`,
    secrets: `${memory}/holdfast-jobs-${user}/${id}`,
  };
  const command = ["blueprint", verb, "--env", plan.env, "--file", `${remote.directory}/${jobPlaces.blueprint}`];
  let job: Job = {
    ...{
      id,
      runner: opsRunner.stack,
      vm: opsRunner.contract.vm.name,
      ref: plan.ref,
      env: plan.env,
      verb,
      changes,
      remote,
    },
    ...{ file: resolve(file.path), phase: "prepared", began: new Date().toISOString() },
    command: [...command, ...(changes ? ["--execute"] : []), ...(json ? ["--json"] : [])],
    ...{ passed: [...order.passed], owner: userInfo().username, host: hostname(), leases: [] },
    sender: identityOf(process.pid),
    ...(backend.kind === "files" ? { backend: backend.root } : {}),
    steps: plan.steps.map(({ id, project, stack, config }) => ({ id, project, stack, config })),
  };
  writeJob(job);
  try {
    const { backend: root } = job;
    if (root === undefined || !changes) return job;
    for (const place of plan.steps) {
      if (verb === "destroy" && !hasState(root, place)) continue;
      job = advance(job, { leases: [...job.leases, takeLease(root, place, id)] });
    }
    return job;
  } catch (error) {
    forgetJob(job);
    throw error;
  }
}

function jobFilesOf(order: Order, { backend, needs, secrets }: Prepared, { release }: RunnerFacts, job: Job) {
  const certificates = certificatesOf();
  const files = jobContent(order.loaded, needs, backend);
  for (const [name, content] of certificates.files) files.set(name, content);
  const settings = jobSettings({
    ...{ release, ...job.remote, env: job.env, command: job.command, certificates: certificates.names },
    backendUrl: backend.kind === "shared" ? backend.url : undefined,
    ...{ hasKey: secrets.hasKey, hasPassphrase: secrets.hasPassphrase },
  });
  return files.set("job.sh", Buffer.from(jobScript.text)).set("settings", Buffer.from(settings));
}

/** The connection was lost when the job began, or had begun. */
export class BeganError extends Error {
  constructor(
    job: Job,
    cause: Error,
    readonly failure = new Failure(
      `whether the job began on ${job.vm} is not known: ${wordsOf(cause)}. Its stacks stay held`,
      `holdfast dispatch attach ${job.id}`,
      { cause },
    ),
  ) {
    super(cause.message);
  }
}
