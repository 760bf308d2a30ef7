/**
 * The user data of one VM as a file on a storage of Proxmox VE.
 */
import { z } from "zod";
import { plainName, word } from "../../lib/text.ts";
import { exampleHost } from "../examples.ts";
import { declareKind, type InputsOf, type StateOf } from "../kind.ts";
import { sshTarget } from "../ssh-target.ts";

export const snippetKind = declareKind({
  type: "holdfast:proxmox:Snippet",
  description: "User data of a VM, as a file on a storage.",
  inputs: z.strictObject({
    host: sshTarget.describe("The Proxmox host, which writes it."),
    storage: plainName.describe("Proxmox VE's id of the storage."),
    directory: z
      .string()
      .regex(/^(\/(?!\.{1,2}(\/|$))[\w.-]+)+$/, "expected a directory")
      .describe("The storage's own directory of snippets, for example /var/lib/vz/snippets."),
    name: z
      .string()
      .regex(/^holdfast-[\w.-]+\.yaml$/, "expected holdfast-<VM>.yaml")
      .describe("Name of the file, for example holdfast-app-01-0123456789ab.yaml."),
    content: z
      .string()
      .startsWith("#cloud-config\n", "expected user data for cloud-init")
      .describe("The user data; it holds a private key."),
  }),
  computed: { volumeId: word.describe("As a VM's configuration names it: local:snippets/holdfast-….yaml.") },
  secrets: ["content"],
  additionalSecretOutputs: ["content"],
  volatile: { volumeId: ["storage", "name"] },
  example: {
    host: exampleHost,
    storage: "local",
    directory: "/var/lib/vz/snippets",
    name: "holdfast-app-01.yaml",
    content: "#cloud-config\n",
    volumeId: "local:snippets/holdfast-app-01.yaml",
  },
});

/** Inputs of a snippet. */
export type SnippetInputs = InputsOf<typeof snippetKind>;
/** State of a snippet. */
export type SnippetState = StateOf<typeof snippetKind>;
