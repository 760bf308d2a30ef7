/**
 * `holdfast:runner:OperationsToolchain`: the operations toolchain on a runner VM. Creating installs a release archive, or, with
 * `state: absent`, removes whatever was installed; a deploy runs it again although nothing differs, because what was green once
 * is no evidence of what is on the VM now.
 */
import {
  type OperationsInputs,
  type OperationsState,
  operationsToolchainKind,
} from "../../resources/runner/operations-toolchain.ts";
import { forcedRun } from "../forced-run.ts";
import { implement, NotReady, type Operation } from "../kind.ts";
import { type Access, withRunner } from "./operations-access.ts";
import { OpsRunnerWork } from "./operations-install.ts";
import { observe, wrongWith } from "./operations-observation.ts";
import { inputsOf } from "./operations-paths.ts";
import { Steps } from "./operations-steps.ts";

/** How long a destroy waits for a VM that does not answer, in seconds. */
const destroyWaitSeconds = 5;

export const operationsToolchain = implement(operationsToolchainKind, {
  async create(inputs, operation) {
    const id = `${inputs.owner}/${inputs.vm}`;
    return { id, state: await work(id, inputs, operation) };
  },

  async read(id, state, operation) {
    if (!state) throw new Error("an operations toolchain cannot be imported; `pulumi up` installs it");
    const inputs = inputsOf(state);
    return { id, inputs, state: { ...state, drift: await look(pinned(inputs, state), state, operation) } };
  },

  update: (id, state, inputs, operation) => work(id, inputs, operation, state),

  async delete(_id, state, operation) {
    const inputs = pinned(inputsOf(state), state);
    const steps = new Steps((text) => operation.log("status", text));
    const patience = { waitSeconds: destroyWaitSeconds, signal: operation.signal, lastRoute: state.route };
    let reached = false;
    let failure: Error | undefined;
    try {
      await withRunner(inputs, patience, ({ connection }) => {
        reached = true;
        return new OpsRunnerWork(connection, inputs, steps, operation.log).remove();
      });
    } catch (error) {
      failure = error as Error;
    }
    operation.attachEvidence(evidenceOf(inputs, steps, failure ? "error" : "absent", failure));
    if (!failure) return;
    const text = `the toolchain was not removed from ${inputs.vm}: ${failure.message}`;
    // What is still there must not be forgotten: the same command goes on.
    if (reached) throw new Error(`${text}; run the same command again`, { cause: failure });
    // A VM that is gone took the toolchain along, and must not hold up a destroy.
    operation.log("warning", text);
  },
});

/**
 * The same runner has to show the key that was met on it: an address that leads to another machine by now, by DHCP or by who is root
 * on the VM, is refused. Another machine, or a person (`holdfast trust`), renews it.
 */
function pinned(inputs: OperationsInputs, state: OperationsState | undefined): OperationsInputs {
  if (!state?.hostKey || inputs.target.hostKey || state.identity !== inputs.identity) return inputs;
  return { ...inputs, target: { ...inputs.target, hostKey: state.hostKey } };
}

/** Installs or removes, leaves evidence of it, and says what it came to. A failure keeps the state for the next update. */
async function work(
  id: string,
  inputs: OperationsInputs,
  operation: Operation,
  before?: OperationsState,
): Promise<OperationsState> {
  const forced = forcedRun();
  const steps = new Steps((text) => operation.log("status", text));
  const onWait = (text: string) => operation.log("status", text);
  const { waitSeconds } = inputs;
  // A run that reached nobody forgets no key.
  const known = before?.identity === inputs.identity ? before.hostKey : "";
  let met: Pick<Access, "route" | "hostKey"> = { route: "", hostKey: known };
  let version = "";
  let failure: Error | undefined;
  try {
    const patience = { waitSeconds, signal: operation.signal, onWait };
    await withRunner(pinned(inputs, before), patience, async ({ connection, ...access }) => {
      met = access;
      const opsRunner = new OpsRunnerWork(connection, inputs, steps, operation.log);
      if (inputs.state === "present") version = await opsRunner.install();
      else await opsRunner.remove();
    });
  } catch (error) {
    failure = error as Error;
  }
  const done = inputs.state === "present" ? "ok" : "absent";
  const status = failure ? "error" : done;
  const evidence = operation.attachEvidence(evidenceOf(inputs, steps, status, failure));
  const state: OperationsState = {
    ...inputs,
    ...{ status, version, ...met },
    runId: evidence?.run ?? "",
    evidenceDir: evidence?.directory ?? "",
    // A run that failed was none: the same deploy goes on with it.
    forcedRun: failure ? "" : forced,
  };
  if (failure) throw new NotReady(`runner ${inputs.vm}: ${failure.message}`, id, state, { cause: failure });
  return state;
}

/** One look, in words where something is wrong. Unknown is not well: the next update looks with patience. */
async function look(inputs: OperationsInputs, state: OperationsState, operation: Operation): Promise<string[]> {
  const patience = { waitSeconds: 0, signal: operation.signal, lastRoute: state.route };
  try {
    return await withRunner(inputs, patience, async ({ connection }) =>
      wrongWith(inputs, await observe(connection, inputs.prefix)),
    );
  } catch (error) {
    return [`not observed: ${(error as Error).message}`];
  }
}

/** What a run leaves: every step with its times. */
function evidenceOf(
  inputs: OperationsInputs,
  steps: Steps,
  status: OperationsState["status"],
  failure?: Error,
): Record<string, string> {
  const { vm, target, state, prefix, identity, release } = inputs;
  const summary = {
    ...{ vm, host: target.host, user: target.user, runner_state: state, status },
    ...{ runner_install_prefix: prefix, identity, release: release ? `sha256:${release.sha256}` : "" },
    forced_run: forcedRun(),
    steps: steps.records,
    ...(failure ? { error: failure.message } : {}),
  };
  return { "operations_runner.json": `${JSON.stringify(summary, null, 2)}\n` };
}
