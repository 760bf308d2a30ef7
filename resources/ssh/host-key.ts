/**
 * The SSH host key of a machine that we make.
 */
import { z } from "zod";
import { publicKeyLine } from "../../lib/text.ts";
import { exampleKey } from "../examples.ts";
import { declareKind } from "../kind.ts";

export const hostKeyKind = declareKind({
  type: "holdfast:ssh:HostKey",
  description: "An SSH host key for a machine that we make, so that its first contact is already checked.",
  inputs: z.strictObject({
    comment: z
      .string()
      .regex(/^[\w@][\w.@-]*$/, "expected letters, digits, . _ @ -")
      .describe("Comment of the public key, for example the machine's name."),
  }),
  computed: {
    publicKey: publicKeyLine.describe("`ssh-ed25519 AAAA… comment`."),
    privateKey: z.string().startsWith("-----BEGIN ", "expected a private key").describe("In OpenSSH's format."),
  },
  secrets: ["privateKey"],
  replaceOn: ["comment"],
  example: { comment: "runner-02", publicKey: exampleKey, privateKey: "-----BEGIN OPENSSH PRIVATE KEY-----\n" },
});
