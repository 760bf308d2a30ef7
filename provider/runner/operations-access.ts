/**
 * The way to an operations runner: the readiness gate finds it, and work takes the same one.
 */

import { SshConnection } from "../../lib/ssh/connection.ts";
import { dial } from "../../lib/ssh/dial.ts";
import { JumpHosts } from "../../lib/ssh/jump-hosts.ts";
import { knownHostsFile, recordedKeys } from "../../lib/ssh/known-hosts.ts";
import type { OperationsInputs } from "../../resources/runner/operations-toolchain.ts";
import { passGate } from "../readiness/gate.ts";
import { type Route, routeText } from "../readiness/probe.ts";
import { resultMessage } from "../ssh/readiness-report.ts";

/** A runner, as far as logging in goes. */
export type RunnerWays = Pick<OperationsInputs, "vm" | "target" | "direct" | "jump" | "bastion" | "timeoutSeconds">;

/** How long it may take. */
export interface AccessPatience {
  /** Seconds; 0 is one attempt. */
  waitSeconds: number;
  signal: AbortSignal;
  onWait?: (text: string) => void;
  /** The way that led there the last time: tried first. */
  lastRoute?: string;
}

/** An open way. */
export interface Access {
  connection: SshConnection;
  /** `direct`, or `bastion root@192.0.2.1:22`. */
  route: string;
  /** The VM's public host key. */
  hostKey: string;
}

/**
 * Finds the way, logs in, runs `work`, and closes everything.
 * @throws what is wrong with the way, in the words of the readiness gate.
 */
export async function withRunner<T>(
  inputs: RunnerWays,
  patience: AccessPatience,
  work: (access: Access) => Promise<T>,
): Promise<T> {
  const { target, timeoutSeconds } = inputs;
  const routes = routesOf(inputs, patience.lastRoute);
  const { waitSeconds, signal, onWait } = patience;
  const gate = { timeoutSeconds, waitSeconds, signal, ...(onWait ? { onWait } : {}) };
  const [result] = await passGate([{ ...target, name: inputs.vm }], routes, gate);
  if (!result) throw new Error(`there is no way to ${inputs.vm}`);
  if (result.status === "error")
    throw new Error(resultMessage(result, timeoutSeconds, { group: "runner", waitKey: "connectivity_wait_s" }));
  const route = routes.find((candidate) => routeText(candidate) === result.route) ?? { kind: "direct" as const };
  const jumps = new JumpHosts();
  try {
    const over = route.kind === "direct" ? undefined : await forward(jumps, route.over, inputs);
    const connection = new SshConnection(await dial(target, timeoutSeconds, over ? { over } : {}), target);
    signal.addEventListener("abort", () => connection.abort(), { once: true });
    try {
      const [hostKey = ""] = recordedKeys(knownHostsFile(target.stack), target.host, target.port);
      return await work({ connection, route: result.route, hostKey });
    } finally {
      connection.close();
    }
  } finally {
    jumps.close();
  }
}

async function forward(jumps: JumpHosts, over: Parameters<JumpHosts["to"]>[0], { target, timeoutSeconds }: RunnerWays) {
  const jump = await jumps.to(over, timeoutSeconds);
  return jump.forward(target.host, target.port);
}

/** The ways in the order in which they are tried. */
function routesOf({ direct, jump, bastion }: RunnerWays, lastRoute: string | undefined): Route[] {
  const routes: Route[] = [
    ...(direct ? [{ kind: "direct" } as const] : []),
    ...(jump ? [{ kind: "jump", over: jump } as const] : []),
    ...(bastion ? [{ kind: "bastion", over: bastion } as const] : []),
  ];
  return routes.sort((a, b) => Number(routeText(b) === lastRoute) - Number(routeText(a) === lastRoute));
}
