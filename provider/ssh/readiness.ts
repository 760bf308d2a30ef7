/**
 * `holdfast:ssh:Readiness`: the gate behind a pool's VMs. An update whose VMs cannot be worked on fails, with the VMs kept in
 * the state; a refresh looks again, and what is no longer ready is drift.
 */
import { type ReadinessInputs, type ReadinessState, readinessKind } from "../../resources/ssh/readiness.ts";
import { implement, NotReady, type Operation } from "../kind.ts";
import { type GateResult, passGate } from "../readiness/gate.ts";
import type { Route } from "../readiness/probe.ts";
import { type GateStatus, gateEvidence, gateMessage, resultMessage } from "./readiness-report.ts";

export const readiness = implement(readinessKind, {
  async create(inputs, operation) {
    const id = `${inputs.stack}/readiness`;
    return { id, state: await pass(id, inputs, operation) };
  },

  async read(id, state, operation) {
    if (!state) throw new Error("a readiness gate cannot be imported; `pulumi up` passes it anew");
    const { status, results, runId, evidenceDir, drift: _, stateVersion: __, ...known } = state;
    const given = readinessKind.inputs.parse(known);
    return { id, inputs: given, state: { ...state, drift: given.required ? await look(given, operation) : [] } };
  },

  update: (id, _state, inputs, operation) => pass(id, inputs, operation),

  async delete() {},
});

/** Passes the gate, leaves evidence of it, and says what it came to. */
async function pass(id: string, inputs: ReadinessInputs, operation: Operation): Promise<ReadinessState> {
  const onWait = (text: string) => operation.log("status", text);
  const results = await tryAll(inputs, { waitSeconds: inputs.waitSeconds, signal: operation.signal, onWait });
  const passed = results.length > 0 && results.every(({ status }) => status === "ok");
  const status: GateStatus = passed ? "ok" : results.length === 0 && !inputs.required ? "skipped" : "error";
  const error = status === "error" ? gateMessage(results, inputs.timeoutSeconds) : undefined;
  const evidence = operation.attachEvidence(gateEvidence(inputs, status, results, error));
  const state: ReadinessState = {
    ...inputs,
    status,
    results: Object.fromEntries(
      results.map(({ name, status, route, stage, seconds }) => [name, { status, route, stage, seconds }]),
    ),
    runId: evidence?.run ?? "",
    evidenceDir: evidence?.directory ?? "",
  };
  if (error !== undefined && inputs.required) throw new NotReady(error, id, state);
  if (error !== undefined)
    operation.log("warning", error.replace(/^(post-apply SSH readiness failed)/, "$1 (warn-only)"));
  return state;
}

/** One attempt each, in words where it failed. */
async function look(inputs: ReadinessInputs, operation: Operation): Promise<string[]> {
  const results = await tryAll(inputs, { waitSeconds: 0, signal: operation.signal });
  const failed = results.filter(({ status }) => status === "error");
  return failed.map((result) => `${result.name} is not ready: ${resultMessage(result, inputs.timeoutSeconds)}`);
}

async function tryAll(
  inputs: ReadinessInputs,
  patience: { waitSeconds: number; signal: AbortSignal; onWait?: (text: string) => void },
): Promise<GateResult[]> {
  const { jump, bastion, stack, timeoutSeconds } = inputs;
  const routes: Route[] = [{ kind: "direct" }];
  if (jump) routes.push({ kind: "jump", over: jump });
  if (bastion) routes.push({ kind: "bastion", over: bastion });
  const reachable = inputs.targets.filter(({ host }) => host !== "");
  const targets = reachable.map(({ identity: _, ...target }) => ({ ...target, stack }));
  const tried = await passGate(targets, routes, { timeoutSeconds, ...patience });
  const silent = inputs.targets.filter(({ host }) => host === "").map(withoutAddress);
  return inputs.targets.map(({ name }) => [...tried, ...silent].find((result) => result.name === name) as GateResult);
}

function withoutAddress({ name, port, user }: ReadinessInputs["targets"][number]): GateResult {
  const reason = "the platform reported no IPv4 address; does its guest agent run?";
  const place = { name, host: "", port, user, route: "direct", stage: "resolve" as const, seconds: 0, attempts: [] };
  return { ...place, status: "error", failure: "unreachable", reason };
}
