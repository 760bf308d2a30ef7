/**
 * `holdfast:runner:Service`: the runner's daemon on its VM. Creating installs it and waits until the forge has accepted
 * it; deleting drains it, within a bound, and a VM that is dead never holds up a destroy.
 */
import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { binaryPath, type PlannedFile, planRunner } from "../../components/runner/plan.ts";
import { fetchPinned } from "../../lib/download.ts";
import { connect, impatient, type SshConnection, withSsh } from "../../lib/ssh/connection.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import { forgetKeys, type HostKey, knownHostsFile, normalizeKey } from "../../lib/ssh/known-hosts.ts";
import { runnerServiceKind, type ServiceInputs, type ServiceState } from "../../resources/runner/service.ts";
import { failedChecks, intact } from "../host/checks.ts";
import { type FenceLayer, fenceLayerChecks, lowerFence, raiseFence, reloadFences } from "../host/fence-layer.ts";
import { implement, NotReady, type Operation } from "../kind.ts";
import { cloudInitDone } from "./cloud-init.ts";
import { online } from "./online.ts";
import { dialVm, refuseAddress } from "./vm-dial.ts";
import { exchangeHostKey, keepOnlyVmKey, keepVmKey } from "./vm-host-key.ts";
import { ensureImage } from "./vm-images.ts";

export const runnerService = implement(runnerServiceKind, {
  async create(inputs, operation) {
    return { id: inputs.uuid, state: await deploy(inputs, operation) };
  },

  async read(id, state, operation) {
    if (!state) throw new Error("a runner service cannot be imported; `pulumi up` installs it over what is there");
    return { id, state: { ...state, drift: await observe(state, operation) }, inputs: inputsOf(state) };
  },

  async update(_id, state, inputs, operation) {
    // The old way of running it knows nothing of the new one: both would serve with the same registration.
    if (state.execution.kind !== inputs.execution.kind) await retire(state, operation);
    // A VM that was only too busy to answer a refresh keeps its runner, and the job that it runs.
    else if (isDeepStrictEqual(inputsOf(state), inputs) && (await isHealthy(state, operation))) {
      await fenceNewInterface(inputs, operation);
      return state;
    }
    return deploy(inputs, operation, state);
  },

  async delete(_id, state, operation) {
    try {
      await retire(state, operation);
    } catch (error) {
      // A dead VM cannot be drained, and must not keep its registration alive either.
      operation.log("warning", `${state.name} was not drained: ${(error as Error).message}`);
    }
    await leaveKey(state, operation);
  },
});

/** A password that somebody gave root to log in at the console was for that once. */
const lockRoot = "passwd --lock root >/dev/null";

/** Name of the fence on the VM, which has one owner alone. */
const fenceName = "runner";

function fenceOf(policy: NonNullable<ServiceInputs["egress"]>): FenceLayer {
  return { owner: fenceName, kind: { layer: "vm" }, policy };
}

/**
 * A VM that was started has an interface on its hypervisor that the fence there does not know yet. Until it does, it holds the
 * VM by its MAC address alone: what keeps it from that, another stack's fence for example, keeps no runner from its work.
 */
async function fenceNewInterface({ egress, hypervisor }: ServiceInputs, operation: Operation): Promise<void> {
  if (!egress) return;
  await withSsh(hypervisor, { ...impatient, signal: operation.signal }, reloadFences).catch((error: Error) =>
    operation.log(
      "warning",
      `the fences on ${hypervisor.host} were not loaded again, their timer does it within a minute: ${error.message}`,
    ),
  );
}

/**
 * The state goes, the disk may stay, for another domain: its key is kept on the hypervisor, which takes it away with the
 * domain. What this workstation knows of the address counts for nobody else's machine there.
 */
async function leaveKey(
  { hostKey, hypervisor, domain, address, vm }: ServiceState,
  operation: Operation,
): Promise<void> {
  forgetKeys(knownHostsFile(vm.stack), address, vm.port);
  if (!hostKey) return;
  await keepOnlyVmKey(hypervisor, domain, hostKey, operation.signal).catch((error: Error) =>
    operation.log(
      "warning",
      `the host key of ${domain} is not kept on ${hypervisor.host}: ${error.message}; another domain on the same disk is refused until holdfast trust`,
    ),
  );
}

/** Drains the daemon and removes what could start it again. */
async function retire(state: ServiceState, operation: Operation): Promise<void> {
  const plan = planRunner(state);
  const vm = await connect(await targetOf(state, operation), { ...impatient, signal: operation.signal });
  operation.log("status", `draining ${state.name}: a running job has ${state.drainSeconds} s to finish`);
  await vm.run(plan.stop, { timeoutSeconds: plan.stopSeconds + 30 }).finally(() => vm.close());
}

/**
 * Where a VM answers that was deployed before, and with which key.
 * @throws where that address is another machine's.
 */
async function targetOf(state: ServiceState, operation: Operation): Promise<SshTarget> {
  await refuseAddress(state, state.address, operation);
  return { ...state.vm, host: state.address, hostKey: state.hostKey ?? state.vm.hostKey };
}

/** @param known what the state has of an earlier deployment on the same VM. */
async function deploy(
  inputs: ServiceInputs,
  operation: Operation,
  known: Pick<ServiceState, "hostKey" | "resolvedImages"> = {},
): Promise<ServiceState> {
  const { hostKey, resolvedImages = {} } = known;
  const say = (text: string) => operation.log("status", text);
  const vm = await dialVm(inputs, hostKey, operation);
  const address = vm.target.host;
  let state: ServiceState = { ...inputs, address, accepted: false, resolvedImages, ...(hostKey ? { hostKey } : {}) };
  try {
    say(`waiting for cloud-init on ${address}`);
    // What needs nothing of cloud-init is done meanwhile.
    const [own, ...others] = await Promise.allSettled([
      hostKey ?? ownKey(vm, inputs, operation),
      cloudInitDone(vm),
      fenceNewInterface(inputs, operation),
      inputs.execution.kind === "binary" ? deliverBinary(vm, inputs.execution) : undefined,
    ]);
    if (own.status === "fulfilled") state = { ...state, hostKey: own.value };
    for (const part of [own, ...others]) if (part.status === "rejected") throw part.reason;
    say(`installing runner ${inputs.name} on ${address}`);
    await vm.must(`${lockRoot}\n${planRunner(inputs).prepare}`, { timeoutSeconds: 120 });
    // Before the runner: no job runs outside the fence.
    await (inputs.egress ? raiseFence(vm, fenceOf(inputs.egress)) : lowerFence(vm, fenceName));
    const images: Record<string, string> = {};
    for (const planned of planRunner(state).images) {
      const pinned = await ensureImage(vm, planned, say);
      if (pinned !== planned.reference) images[planned.reference] = pinned;
      // Should the next one fail, what is known of this one stays known.
      state = { ...state, resolvedImages: { ...resolvedImages, ...images } };
    }
    state = { ...state, resolvedImages: images };
    const plan = planRunner(state);
    await vm.writeFiles(plan.files);
    say(`waiting until the forge accepts ${inputs.name}`);
    await online(vm, inputs, plan, operation);
    return { ...state, accepted: true };
  } catch (error) {
    throw new NotReady(`runner ${inputs.name} on ${address}: ${(error as Error).message}`, inputs.uuid, state, {
      cause: error,
    });
  } finally {
    vm.close();
  }
}

/** The key that a VM has from now on whose state knows none: another than its first one. */
async function ownKey(vm: SshConnection, { vm: first, hypervisor, domain }: ServiceInputs, { signal }: Operation) {
  const answered = vm.target.hostKey as HostKey;
  if (answered !== normalizeKey(first.hostKey)) return answered;
  return exchangeHostKey(vm, (key) => keepVmKey(hypervisor, domain, key, signal));
}

async function deliverBinary(vm: SshConnection, pin: { url: string; sha256: string }): Promise<void> {
  const there = await vm.run(`echo '${pin.sha256}  ${binaryPath}' | sha256sum --check --status`);
  if (there.code === 0) return;
  await vm.writeFiles([{ path: binaryPath, content: await readFile(await fetchPinned(pin, "")), mode: "0755" }]);
}

/** What a look at the VM finds wrong. A VM that does not answer is not healthy, only unobserved, and it is said so. */
async function observe(state: ServiceState, operation: Operation): Promise<string[]> {
  try {
    return await withSsh(await targetOf(state, operation), { ...impatient, signal: operation.signal }, (vm) =>
      wrongWith(vm, state),
    );
  } catch (error) {
    return [`not observed: ${(error as Error).message}`];
  }
}

/** Whether a VM that is given time to answer has nothing wrong with it. */
async function isHealthy(state: ServiceState, operation: Operation): Promise<boolean> {
  const vm = await dialVm(inputsOf(state), state.hostKey, operation);
  try {
    return (await wrongWith(vm, state)).length === 0;
  } finally {
    vm.close();
  }
}

async function wrongWith(vm: SshConnection, state: ServiceState): Promise<string[]> {
  const plan = planRunner(state);
  if (state.jobImage === undefined)
    return ["an earlier release installed it, which left it to the runner where jobs run"];
  const wrong = await failedChecks(vm, {
    "root has a password: whoever knows it can log in at the console": "passwd -S root | grep -q '^root L'",
    "the runner is not running, or will not start at boot": plan.alive,
    ...Object.assign({}, ...plan.files.map(fileCheck)),
    ...Object.fromEntries(plan.images.map(({ image, present }) => [`${image} is not there`, present])),
    ...(state.egress ? fenceLayerChecks(fenceOf(state.egress)) : {}),
  });
  return state.accepted === false ? ["the forge has not accepted the runner yet", ...wrong] : wrong;
}

function fileCheck({ path, content, intact: check }: PlannedFile): Record<string, string> {
  return check ? { [`${path} was changed or removed`]: check } : intact({ [path]: content });
}

function inputsOf(state: ServiceState): ServiceInputs {
  const names = Object.keys(runnerServiceKind.inputs.shape) as (keyof ServiceInputs)[];
  return Object.fromEntries(names.filter((name) => name in state).map((name) => [name, state[name]])) as ServiceInputs;
}
