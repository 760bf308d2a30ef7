/**
 * `holdfast:host:EgressFence`: the layer of the egress fence on a hypervisor's bridge, out of reach of whatever runs in the
 * VM, and the timer that puts it back. The layer on the VM comes with the runner's service.
 */
import { impatient, withSsh } from "../../lib/ssh/connection.ts";
import { type EgressFenceInputs, type EgressFenceState, egressFenceKind } from "../../resources/host/egress-fence.ts";
import { implement, type Operation } from "../kind.ts";
import { brokenFence, type FenceLayer, idleExceptions, lowerFence, raiseFence } from "./fence-layer.ts";

export const egressFence = implement(egressFenceKind, {
  async create(inputs, operation) {
    await raise(inputs, operation);
    return { id: `${inputs.host.host}/${inputs.owner}`, state: inputs };
  },

  async read(id, state) {
    if (!state) throw new Error("the egress fence cannot be imported; `pulumi up` installs it over what is there");
    const drift = await withSsh(state.host, impatient, (host) => brokenFence(host, layerOf(state)));
    return { id, state: { ...state, drift }, inputs: inputsOf(state) };
  },

  async update(_id, state, inputs, operation) {
    if (state.host.host !== inputs.host.host) await leave(state, operation);
    await raise(inputs, operation);
    return inputs;
  },

  async delete(_id, state) {
    await withSsh(state.host, impatient, (host) => lowerFence(host, state.owner));
  },
});

/** What of a state are inputs: those that its release had, and nothing that was added to them. */
function inputsOf({ host, owner, mac, policy, tap, address, known }: EgressFenceState): EgressFenceInputs {
  const later = Object.entries({ tap, address, known }).filter(([, value]) => value !== undefined);
  return { host, owner, mac, policy, ...Object.fromEntries(later) };
}

async function raise(inputs: EgressFenceInputs, operation: Operation): Promise<void> {
  const layer = layerOf(inputs);
  await withSsh(inputs.host, impatient, async (host) => {
    await raiseFence(host, layer);
    for (const line of await idleExceptions(host, layer)) operation.log("warning", line);
  });
}

/** Takes the fence away from a host that the VM has left. A host that is gone for good must not stop the move. */
async function leave(state: EgressFenceState, operation: Operation): Promise<void> {
  await withSsh(state.host, impatient, (host) => lowerFence(host, state.owner)).catch((error: Error) =>
    operation.log("warning", `the fence of ${state.owner} stays on ${state.host.host}: ${error.message}`),
  );
}

function layerOf({ owner, mac, policy, tap, address, known }: EgressFenceInputs): FenceLayer {
  return { owner, kind: { layer: "bridge", mac, tap, address, known }, policy };
}
