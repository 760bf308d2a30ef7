/**
 * `holdfast:ssh:HostKey`: the SSH host key of a machine that we make, so that its first contact is already checked.
 */
import { z } from "zod";
import { generateKeyPair } from "../../lib/ssh/key-pair.ts";
import { publicKeyLine } from "../../lib/text.ts";
import type { ResourceKind, State } from "../kind.ts";

const inputs = z.strictObject({
  /** Comment of the public key, for example the machine's name. */
  comment: z.string().regex(/^[\w@][\w.@-]*$/, "expected letters, digits, . _ @ -"),
});

type Inputs = z.infer<typeof inputs>;
type KeyState = State<Inputs> & {
  /** `ssh-ed25519 AAAA… comment`. */
  publicKey: string;
  /** OpenSSH format; secret. */
  privateKey: string;
};

export const hostKey: ResourceKind<Inputs, KeyState> = {
  type: "holdfast:ssh:HostKey",
  inputs,
  secrets: ["privateKey"],
  computed: { publicKey: publicKeyLine, privateKey: z.string().startsWith("-----BEGIN ", "expected a private key") },
  replaceOn: ["comment"],
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
};
