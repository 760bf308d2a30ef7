/**
 * One run of Pulumi for a step: in a session of its own, its output in a file. An interrupt reaches it once, through us, and it
 * ends in order; when we are killed it ends in order as well, since nobody's closed pipe stops it. One that never ends is ended.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { projectFolder } from "../../lib/project.ts";
import { checkout, type Pulumi, type StackPlace } from "../pulumi.ts";
import { environmentVariable } from "./environment.ts";
import { killSession } from "./session.ts";

/** Makes the plugin do again what it did, on resources that allow it; its value is the run's name. */
const forceVariable = "HOLDFAST_FORCE_RUN";

/** Bound on one run, in hours: more than the bounds of everything that a stack's resources wait for. */
const boundHours = 4;
/** How long Pulumi may take to end in order once it was asked to, in milliseconds. */
const graceMs = 120_000;

/** What is asked of Pulumi. */
export interface Operation {
  place: StackPlace;
  /** The step that it is for. */
  step: string;
  args: readonly string[];
  env: string;
  /** Name of the run, where what the stack does on its machines is done again. */
  forceRun?: string;
  /** File that its output is added to. */
  log: string;
  /** Told its process, once. */
  began?(pid: number): void;
  /** Aborts when it has taken too long; default: after 4 hours. */
  bound?: AbortSignal;
  /** How long it may take to end in order then, in milliseconds; default: 2 minutes. */
  graceMs?: number;
}

/** How it ended. */
export interface Ended {
  code: number;
  /** What it said. May hold secrets. */
  text: string;
  /** That it was ended because it took too long, in words. */
  late?: string;
}

/** How often an operator may press Ctrl-C, and what then happens: the first ends in order, the second at once. */
export class Interrupt {
  /** How often it came. */
  count = 0;
  private readonly listeners = new Set<() => void>();
  private readonly heard = () => {
    this.count += 1;
    const words =
      this.count === 1 ? "ending the running step in order; once more ends it at once" : "ending it at once";
    process.stderr.write(`\n! interrupted: ${words}\n`);
    for (const listener of this.listeners) listener();
  };

  /** Listens to the signals that end a process, until `close`. */
  constructor(private readonly signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"]) {
    for (const signal of signals) process.on(signal, this.heard);
  }

  get came(): boolean {
    return this.count > 0;
  }

  /** Calls back on each; returns what ends that. */
  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  close(): void {
    for (const signal of this.signals) process.off(signal, this.heard);
  }
}

/** Runs Pulumi to its end. Never throws for what it answers. */
export async function runPulumi(pulumi: Pulumi, operation: Operation, interrupt: Interrupt): Promise<Ended> {
  const { place, args, env, forceRun, log, began } = operation;
  const out = openSync(log, "a", 0o600);
  const child = spawn("pulumi", [...args, "--non-interactive", "--color", "never", ...pulumi.stackArgs(place, args)], {
    cwd: join(checkout, projectFolder(place.project)),
    env: {
      ...pulumi.environment(),
      ...{ [environmentVariable]: env, [forceVariable]: forceRun },
      // A run by us says nothing of newer versions.
      PULUMI_SKIP_UPDATE_CHECK: "1",
    },
    stdio: ["ignore", out, out],
    detached: true,
  });
  closeSync(out);
  const forget = interrupt.listen(() => child.kill("SIGINT"));
  const watch = watchOver(child, operation);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("spawn", () => child.pid !== undefined && began?.(child.pid));
      child.on("close", (code) => resolve(code ?? 1));
    });
    const text = readFileSync(log, "utf8");
    return watch.late === undefined ? { code, text } : { code: code || 1, text, late: watch.late };
  } finally {
    forget();
    watch.end();
  }
}

/** Ends a Pulumi that takes too long: in order, and where that takes too long as well, at once. */
function watchOver(
  child: ChildProcess,
  { place, step, args, bound = AbortSignal.timeout(boundHours * 3_600_000), graceMs: grace = graceMs }: Operation,
): { late: string | undefined; end(): void } {
  let kill: NodeJS.Timeout | undefined;
  const watch = {
    late: undefined as string | undefined,
    end() {
      bound.removeEventListener("abort", tooLate);
      clearTimeout(kill);
    },
  };
  const say = (how: string) => {
    watch.late = `step ${step}: pulumi ${args[0]} of ${place.project}/${place.stack} had not ended after ${boundHours} h, and was ${how}; look at what it waited for, in the log in the evidence, then the same command goes on from there`;
  };
  const tooLate = () => {
    say("ended in order");
    child.kill("SIGINT");
    kill = setTimeout(() => {
      say("killed, for it did not end in order");
      if (child.pid !== undefined) killSession(child.pid);
    }, grace);
  };
  bound.addEventListener("abort", tooLate, { once: true });
  return watch;
}

/** What changed, in the words of Pulumi's own sum: `2 created, 1 unchanged`. */
export function changesIn(text: string): string | undefined {
  const block = /^Resources:\n((?: {4}.*\n?)+)/m.exec(text)?.[1];
  const counts = [...(block ?? "").matchAll(/(\d+) (created|updated|replaced|deleted|unchanged|same|to \w+)/g)];
  return counts.length > 0 ? counts.map(([, count, what]) => `${count} ${what}`).join(", ") : undefined;
}

/** What a failure is about: what Pulumi says behind its progress, or all that it said where there was none. */
export function failureIn(text: string): string {
  const diagnostics = /^Diagnostics:\n([\s\S]*?)(?=^(?:Outputs|Resources|Duration):|$(?![\s\S]))/m.exec(text)?.[1];
  const lines = (diagnostics ?? text).trim().split("\n");
  return lines.slice(-40).join("\n");
}

/** Whether only a process of ours that is dead keeps others from a stack: its lock may be taken away then. */
export function isLockOf(text: string, dead: { pid: number; host: string } | undefined): boolean {
  if (!dead || !/currently locked by \d+ lock/.test(text)) return false;
  const holders = [...text.matchAll(/created by \S+@(\S+) \(pid (\d+)\)/g)];
  return (
    dead.host === hostname() &&
    holders.length > 0 &&
    holders.every(([, host, pid]) => host === dead.host && Number(pid) === dead.pid)
  );
}
