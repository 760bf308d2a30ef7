/**
 * `holdfast dispatch`: a blueprint's run that happens on an operations runner. This workstation sends what it needs, shows what
 * it says, and brings home what came of it; it goes on without us.
 */
import { parseArgs } from "node:util";
import { Failure } from "../lib/failure.ts";
import { Interrupt } from "./blueprint/engine.ts";
import { environmentOf, environmentVariable } from "./blueprint/environment.ts";
import { soundBlueprint } from "./blueprint/load.ts";
import { ageOf } from "./blueprint/lock.ts";
import { beginJob } from "./dispatch/begin.ts";
import { abandon, followJob } from "./dispatch/follow.ts";
import { isBeingSent, type Job, openJob, openJobs } from "./dispatch/job.ts";
import { rebased } from "./dispatch/merge.ts";
import { atRunner, readRunner, runnerStack } from "./dispatch/runner.ts";
import { Pulumi } from "./pulumi.ts";

/** Options before the `--`. */
export interface DispatchOptions {
  runner?: string | undefined;
  env?: string | undefined;
  detach: boolean;
  "pass-env"?: string[] | undefined;
  "any-release": boolean;
}

/** What stands behind the `--`. */
const commandOptions = {
  env: { type: "string" },
  ref: { type: "string" },
  file: { type: "string" },
  execute: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

const usage =
  "holdfast dispatch --runner <stack of ops-runner> -- blueprint deploy --env <env> --file <file> --execute";

/** Runs a blueprint on a runner. The exit code is the job's own; 0 for one that was begun with `--detach`. */
export async function dispatchVerb(options: DispatchOptions, command: readonly string[]): Promise<number> {
  const { verb, values } = readCommand(command);
  const env = agreedEnvironment(options.env, values.env);
  if (options.runner === undefined) throw new Failure("which runner is not said", usage);
  const stack = runnerStack(options.runner, env);
  const loaded = soundBlueprint({ ref: values.ref, file: values.file }, env);
  const pulumi = await Pulumi.open();
  const contract = await readRunner(pulumi, stack, env);
  return interruptible(async (interrupt) => {
    const order = {
      ...{ loaded, verb, changes: values.execute, json: values.json, runner: { stack, contract } },
      ...{ passed: options["pass-env"] ?? [], anyRelease: options["any-release"] },
    };
    const job = await beginJob(pulumi, order, interrupt);
    process.stderr.write(
      `· job ${job.id} runs on ${job.vm}; a lost connection does not end it: holdfast dispatch attach ${job.id}\n`,
    );
    if (options.detach) return 0;
    return follow(job, contract, interrupt);
  });
}

/** Goes on with a job where its dispatch was cut off. The exit code is the job's own. */
export async function attachVerb(id: string | undefined): Promise<number> {
  const job = openJob(id);
  process.env[environmentVariable] = job.env;
  const contract = await readRunner(await Pulumi.open(), job.runner, job.env);
  return interruptible((interrupt) => follow(job, contract, interrupt));
}

/** Lists the jobs of this workstation that are not over. Exit code 0. */
export function statusOfJobs(json: boolean): number {
  const jobs = openJobs();
  const lines = jobs.map(
    (job) =>
      `${job.id}  ${job.verb} of ${job.ref} in ${job.env} on ${job.vm}, ${ageOf(job.began)}: ${isBeingSent(job) ? "is being sent" : phases[job.phase]}\n`,
  );
  if (json)
    process.stdout.write(
      `${JSON.stringify(
        jobs.map(({ steps: _steps, ...job }) => job),
        null,
        2,
      )}\n`,
    );
  else process.stdout.write(lines.length > 0 ? lines.join("") : "no job of this workstation is open\n");
  return 0;
}

const phases: Readonly<Record<Job["phase"], string>> = {
  prepared: "did not begin; there may be something left of it there",
  sent: "is at work, or ended there",
  ended: "ended; what came of it is not here yet",
  merged: "what came of it is here; there may be something left of it there",
};

/** Interrupts a job as Ctrl-C does: it ends in order; a second time at once. Exit code 0. */
export async function cancelVerb(id: string): Promise<number> {
  const job = openJob(id);
  const contract = await readRunner(await Pulumi.open(), job.runner, job.env);
  await atRunner(contract, 0, (runner) => runner.interrupt(job));
  process.stderr.write(`· job ${job.id} was told to end\n  next: holdfast dispatch attach ${job.id}\n`);
  return 0;
}

/** Forgets a job whose runner is gone: its stacks are free again, as they were before it. Exit code 0. */
export async function abandonVerb(id: string, confirm: string | undefined): Promise<number> {
  const job = openJob(id);
  if (confirm !== id) {
    throw new Failure(
      `what job ${id} changed and did not bring home would be unknown here; nothing was changed`,
      `holdfast dispatch attach ${id} brings it home; where ${job.vm} is gone for good: --confirm ${id}`,
    );
  }
  const evidence = await abandon(id);
  const stacks = job.steps.map(({ project, stack }) => `${project}/${stack}`).join(", ");
  process.stderr.write(
    `· job ${id} is forgotten; its secrets and files may still be on ${job.vm}\n  next: pulumi refresh of ${stacks}\nevidence: ${evidence}\n`,
  );
  return 0;
}

async function follow(
  job: Job,
  contract: Awaited<ReturnType<typeof readRunner>>,
  interrupt: Interrupt,
): Promise<number> {
  // Its paths as they will be here, when it is over.
  const lines = new Lines((line) => void process.stderr.write(rebased(job, line)));
  const end = await followJob(job, contract, interrupt, {
    onOutput: (chunk) => lines.add(chunk),
    note: (text) => void process.stderr.write(`! ${text}\n`),
  }).finally(() => lines.end());
  process.stdout.write(rebased(job, end.answer.toString("utf8")));
  const home = end.elsewhere
    ? "another process brought it home, and showed its answer"
    : `nothing of it is left on ${job.vm}`;
  process.stderr.write(`· job ${job.id} ended with ${end.exitCode}; ${home}\nevidence: ${end.evidence}\n`);
  return end.exitCode;
}

/** Puts chunks together to lines. */
class Lines {
  private open = Buffer.alloc(0);

  constructor(private readonly told: (line: string) => void) {}

  add(chunk: Buffer): void {
    const all = Buffer.concat([this.open, chunk]);
    const end = all.lastIndexOf("\n") + 1;
    if (end > 0) this.told(all.subarray(0, end).toString("utf8"));
    this.open = all.subarray(end);
  }

  end(): void {
    this.told(this.open.toString("utf8"));
    this.open = Buffer.alloc(0);
  }
}

/** Only Ctrl-C is the job's: whoever closes the terminal leaves it at work. */
async function interruptible<T>(work: (interrupt: Interrupt) => Promise<T>): Promise<T> {
  const interrupt = new Interrupt(["SIGINT"]);
  try {
    return await work(interrupt);
  } finally {
    interrupt.close();
  }
}

function readCommand(command: readonly string[]) {
  const { values, positionals } = parsedCommand(command);
  const [group, verb, ...more] = positionals;
  if (group !== "blueprint" || more.length > 0 || (verb !== "deploy" && verb !== "destroy" && verb !== "preflight")) {
    throw new Failure(`\`${command.join(" ")}\` is nothing that a runner does`, usage);
  }
  if (verb === "preflight" && values.execute) throw new Failure("a preflight executes nothing", "leave --execute out");
  return { verb, values } as const;
}

function parsedCommand(command: readonly string[]) {
  try {
    return parseArgs({ args: [...command], options: commandOptions, allowPositionals: true });
  } catch (error) {
    throw new Failure((error as Error).message, usage);
  }
}

/** Before the `--`, behind it, and in the environment the same is said. */
function agreedEnvironment(before: string | undefined, behind: string | undefined): string {
  if (before !== undefined && behind !== undefined && before !== behind) {
    throw new Failure(
      `--env is ${before} before the --, and ${behind} behind it; nothing was sent`,
      "give one of them",
    );
  }
  const env = environmentOf(before ?? behind);
  process.env[environmentVariable] = env;
  return env;
}
