/**
 * A job on a runner as this workstation shows it: what it says as it comes, and what came of it.
 */
import { Interrupt } from "../blueprint/engine.ts";
import { followJob } from "./follow.ts";
import type { Job } from "./job.ts";
import { rebased } from "./merge.ts";
import type { readRunner } from "./runner.ts";

/** Shows what a job says until it is over, and its answer on standard output. @returns its own exit code. */
export async function showJob(
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
export async function interruptible<T>(work: (interrupt: Interrupt) => Promise<T>): Promise<T> {
  const interrupt = new Interrupt(["SIGINT"]);
  try {
    return await work(interrupt);
  } finally {
    interrupt.close();
  }
}
