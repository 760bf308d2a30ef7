/**
 * `holdfast:host:EgressFence`: the layer of the egress fence on a hypervisor's bridge, out of reach of whatever runs in the
 * VM, and the timer that puts it back. The layer on the VM comes with the runner's service.
 */
import { z } from "zod";
import { impatient, withSsh } from "../../lib/ssh/connection.ts";
import { ownerName } from "../../lib/text.ts";
import type { Operation, ResourceKind, State } from "../kind.ts";
import { sshTarget } from "../ssh/target.ts";
import {
  brokenFence,
  egressPolicy,
  type FenceLayer,
  host,
  idleExceptions,
  lowerFence,
  raiseFence,
} from "./fence-layer.ts";

const inputs = z.strictObject({
  /** The hypervisor. */
  host: sshTarget,
  /** Owner mark; names the fence. */
  owner: ownerName,
  /** MAC address of the VM's card. */
  mac: z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, "expected a MAC address in lower case"),
  policy: egressPolicy,
  /** Name of the VM's tap. Absent in states of release 0.1. */
  tap: z
    .string()
    .regex(/^hf[0-9a-f]{12}$/, "expected hf and 12 hexadecimal digits")
    .optional(),
  /** The VM's static address; absent with DHCP. */
  address: z.ipv4("expected an IPv4 address").optional(),
  /** Machines of the site that a VM without a known lease must not pass itself off as. */
  known: z.array(host).optional(),
});

type Inputs = z.infer<typeof inputs>;
type FenceState = State<Inputs>;

export const egressFence: ResourceKind<Inputs, FenceState> = {
  type: "holdfast:host:EgressFence",
  inputs,
  secrets: [],
  computed: {},
  replaceOn: ["owner"],

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
};

/** What of a state are inputs: those that its release had, and nothing that was added to them. */
function inputsOf({ host, owner, mac, policy, tap, address, known }: FenceState): Inputs {
  const later = Object.entries({ tap, address, known }).filter(([, value]) => value !== undefined);
  return { host, owner, mac, policy, ...Object.fromEntries(later) };
}

async function raise(inputs: Inputs, operation: Operation): Promise<void> {
  const layer = layerOf(inputs);
  await withSsh(inputs.host, impatient, async (host) => {
    await raiseFence(host, layer);
    for (const line of await idleExceptions(host, layer)) operation.log("warning", line);
  });
}

/** Takes the fence away from a host that the VM has left. A host that is gone for good must not stop the move. */
async function leave(state: FenceState, operation: Operation): Promise<void> {
  await withSsh(state.host, impatient, (host) => lowerFence(host, state.owner)).catch((error: Error) =>
    operation.log("warning", `the fence of ${state.owner} stays on ${state.host.host}: ${error.message}`),
  );
}

function layerOf({ owner, mac, policy, tap, address, known }: Inputs): FenceLayer {
  return { owner, kind: { layer: "bridge", mac, tap, address, known }, policy };
}
