/**
 * `holdfast:ssh:HostKey`: the SSH host key of a machine that we make, so that its first contact is already checked.
 */
import { generateKeyPair } from "../../lib/ssh/key-pair.ts";
import { hostKeyKind } from "../../resources/ssh/host-key.ts";
import { implement } from "../kind.ts";

export const hostKey = implement(hostKeyKind, {
  async create(inputs) {
    const pair = generateKeyPair(inputs.comment);
    return { id: pair.publicKey.split(" ")[1] ?? "", state: { ...inputs, ...pair } };
  },
  async read(id, state) {
    if (!state) throw new Error("a host key cannot be imported: its private half is known to its machine alone");
    return { id, state, inputs: { comment: state.comment } };
  },
  async update(_id, state, inputs) {
    return { ...state, ...inputs };
  },
  async delete() {},
});
