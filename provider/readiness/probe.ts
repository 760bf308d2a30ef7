/**
 * Whether a machine can be worked on over SSH: how far one attempt came, over which way, and why no further. No Pulumi.
 */
import { SshConnection } from "../../lib/ssh/connection.ts";
import { type DialStage, dial, HostKeyMismatch, type SshTarget } from "../../lib/ssh/dial.ts";
import type { JumpHosts } from "../../lib/ssh/jump-hosts.ts";
import { cloudInitCommand } from "./cloud-init.ts";

/** What a machine passes on the way to being ready, in this order. */
export const stages = ["resolve", "proxy", "tcp", "banner", "host-key", "authentication", "cloud-init"] as const;
export type Stage = (typeof stages)[number];

/** Why an attempt came no further; what an operator has to look at differs with each. */
export type Failure = "unreachable" | "proxy-login" | "wrong-key" | "service-not-ready" | "host-key-changed";

/** A way to a machine: straight, or over another one. */
export type Route = { kind: "direct" } | { kind: "jump" | "bastion"; over: SshTarget };

/** One attempt. */
export interface Attempt {
  /** UTC, ISO 8601. */
  at: string;
  /** `direct`, or `jump root@192.0.2.1:22`. */
  route: string;
  /** What it failed at; `ready` when it passed all. */
  stage: Stage | "ready";
  seconds: number;
  failure?: Failure;
  /** In words, without secrets. */
  reason?: string;
}

/** What `cloud-init status` says of a machine. */
export type CloudInit = "done" | "running" | "error";

/** How a route is written down. */
export function routeText(route: Route): string {
  return route.kind === "direct" ? "direct" : `${route.kind} ${route.over.user}@${route.over.host}:${route.over.port}`;
}

/**
 * Tries once.
 * @param timeoutSeconds bound on the way over another machine, on the login, and on the question to cloud-init, each.
 * @param jumps the caller's, who closes them.
 */
export async function probe(
  target: SshTarget,
  route: Route,
  timeoutSeconds: number,
  jumps: JumpHosts,
): Promise<Attempt> {
  const began = performance.now();
  const at = new Date().toISOString();
  const attempt = new ProbeAttempt(target, route, timeoutSeconds, jumps);
  const outcome = await attempt.run().catch((error: Error) => attempt.explain(error));
  const seconds = Math.round((performance.now() - began) / 10) / 100;
  return { at, route: routeText(route), seconds, ...outcome };
}

class ProbeAttempt {
  private stage: Stage;

  constructor(
    private readonly target: SshTarget,
    private readonly route: Route,
    private readonly timeoutSeconds: number,
    private readonly jumps: JumpHosts,
  ) {
    this.stage = route.kind === "direct" ? "resolve" : "proxy";
  }

  async run(): Promise<Pick<Attempt, "stage" | "failure" | "reason">> {
    const over = this.route.kind === "direct" ? undefined : await this.throughJump(this.route.over);
    const passed = (stage: DialStage) => {
      this.stage = stages[stages.indexOf(stage) + 1] as Stage;
    };
    const client = await dial(this.target, this.timeoutSeconds, { passed, ...(over ? { over } : {}) });
    const connection = new SshConnection(client, this.target);
    try {
      return await this.cloudInit(connection);
    } finally {
      connection.close();
    }
  }

  /** A stream to the target from a machine that reaches it: its own log-in is the stage `proxy`, the rest is `tcp`. */
  private async throughJump(over: SshTarget) {
    const jump = await this.jumps.to(over, this.timeoutSeconds);
    this.stage = "tcp";
    const stream = await bounded(
      jump.forward(this.target.host, this.target.port),
      this.timeoutSeconds,
      `no answer within ${this.timeoutSeconds} s`,
    );
    this.stage = "banner";
    return stream;
  }

  private async cloudInit(connection: SshConnection): Promise<Pick<Attempt, "stage" | "failure" | "reason">> {
    const { stdout } = await connection.run(cloudInitCommand("status"), {
      timeoutSeconds: this.timeoutSeconds,
      asUser: true,
    });
    const status = cloudInitStatus(stdout);
    if (status === "done") return { stage: "ready" };
    const reason = status === "running" ? "cloud-init is still at work" : "cloud-init ended with an error";
    return { stage: "cloud-init", failure: "service-not-ready", reason };
  }

  /** What an error at this stage means. */
  explain(error: Error): Pick<Attempt, "stage" | "failure" | "reason"> {
    const { stage } = this;
    const reason = error.message;
    const code = (error as NodeJS.ErrnoException).code;
    if (error instanceof HostKeyMismatch) {
      return { stage, failure: stage === "proxy" ? "proxy-login" : "host-key-changed", reason };
    }
    if (stage === "proxy") return { stage, failure: "proxy-login", reason };
    // A name that does not resolve never gets to TCP; an address has nothing to resolve.
    if (stage === "resolve" && code !== "ENOTFOUND" && code !== "EAI_AGAIN") {
      return { stage: "tcp", failure: code === "ECONNREFUSED" ? "service-not-ready" : "unreachable", reason };
    }
    const failures: Partial<Record<Stage, Failure>> = {
      resolve: "unreachable",
      tcp: "unreachable",
      authentication: "wrong-key",
    };
    return { stage, failure: failures[stage] ?? "service-not-ready", reason };
  }
}

/** Reads the answer of `cloud-init status`. What has no cloud-init, or has it switched off, has nothing to wait for. */
export function cloudInitStatus(text: string): CloudInit {
  const status = /^status:\s*(.+)$/m.exec(text)?.[1]?.trim() ?? "absent";
  if (/^(done|disabled|absent|degraded)/.test(status)) return "done";
  return /^error/.test(status) ? "error" : "running";
}

async function bounded<T>(work: Promise<T>, seconds: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), seconds * 1000);
  });
  try {
    return await Promise.race([work, bound]);
  } finally {
    clearTimeout(timer);
  }
}
