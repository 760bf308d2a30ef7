/**
 * The readiness gate of a pool: every machine is tried over every way, in parallel and each with a deadline of its own, until
 * all are ready or their time is up. What was tried is kept, attempt by attempt.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import { JumpHosts } from "../../lib/ssh/jump-hosts.ts";
import { type Attempt, type Failure, probe, type Route, stages } from "./probe.ts";

/** A machine that has to become ready. */
export interface GateTarget extends SshTarget {
  /** Logical name. */
  name: string;
}

/** How patient the gate is. */
export interface GatePatience {
  /** Bound on one stage of one attempt, in seconds (`connectivity_timeout_s`). */
  timeoutSeconds: number;
  /** How long each machine may take, in seconds (`connectivity_wait_s`); 0 is one attempt. */
  waitSeconds: number;
  /** Between attempts. Default 3. */
  pauseSeconds?: number;
  signal?: AbortSignal;
  /** Told what is waited for. */
  onWait?: (text: string) => void;
}

/** What came of one machine. */
export interface GateResult {
  name: string;
  host: string;
  port: number;
  user: string;
  status: "ok" | "error";
  /** The way that was taken in the end, or that came furthest. */
  route: string;
  /** What it failed at; `ready` when it passed all. */
  stage: Attempt["stage"];
  seconds: number;
  failure?: Failure;
  reason?: string;
  attempts: Attempt[];
}

/** Failures that no waiting mends. */
const final: readonly Failure[] = ["host-key-changed"];

/** Tries all machines at once. */
export async function passGate(
  targets: readonly GateTarget[],
  routes: readonly Route[],
  patience: GatePatience,
): Promise<GateResult[]> {
  const jumps = new JumpHosts();
  try {
    return await Promise.all(targets.map((target) => untilReady(target, routes, patience, jumps)));
  } finally {
    jumps.close();
  }
}

async function untilReady(
  target: GateTarget,
  routes: readonly Route[],
  patience: GatePatience,
  jumps: JumpHosts,
): Promise<GateResult> {
  const { timeoutSeconds, waitSeconds, pauseSeconds = 3, signal, onWait } = patience;
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  const attempts: Attempt[] = [];
  const result = (best: Attempt): GateResult => {
    const { name, host, port, user } = target;
    const { route, stage, failure, reason } = best;
    const status = stage === "ready" ? "ok" : "error";
    const why = { ...(failure ? { failure } : {}), ...(reason ? { reason } : {}) };
    return { name, host, port, user, status, route, stage, seconds: Math.round(elapsed() * 10) / 10, ...why, attempts };
  };
  let open = routes;
  for (;;) {
    const round: Attempt[] = [];
    for (const route of open) {
      const attempt = await probe(target, route, timeoutSeconds, jumps);
      round.push(attempt);
      attempts.push(attempt);
      if (attempt.stage === "ready") return result(attempt);
    }
    const best = furthest(round);
    // A way that leads to the machine is kept to: the others would only take its time.
    if (rank(best) > stages.indexOf("tcp")) open = open.filter((_, index) => round[index] === best);
    if (best.failure && final.includes(best.failure)) return result(best);
    if (/ended with an error/.test(best.reason ?? "")) return result(best);
    if (elapsed() + pauseSeconds > waitSeconds) return result(best);
    onWait?.(
      `waiting for ${target.name} (${target.user}@${target.host}:${target.port}): ${best.stage}: ${best.reason}`,
    );
    await pause(pauseSeconds * 1000, undefined, signal ? { signal } : {});
  }
}

/**
 * The attempt that tells most: the one that came furthest towards the machine. Where none met it, that of the last way: who
 * names a jump host wants to know what is wrong with that one.
 */
function furthest(attempts: readonly Attempt[]): Attempt {
  const last = attempts.at(-1);
  if (!last) throw new Error("there is no way to try");
  const best = attempts.reduce((one, other) => (rank(other) > rank(one) ? other : one));
  return rank(best) > stages.indexOf("tcp") ? best : last;
}

function rank({ stage }: Attempt): number {
  return stage === "ready" ? stages.length : stages.indexOf(stage);
}
