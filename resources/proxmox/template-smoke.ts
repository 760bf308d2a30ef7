/**
 * The test of a new template.
 */
import { z } from "zod";
import { line, plainName, word } from "../../lib/text.ts";
import { exampleEvidence, exampleOwner } from "../examples.ts";
import { declareKind, type InputsOf, ofEachRun, type StateOf } from "../kind.ts";
import { sshTarget } from "../ssh-target.ts";
import { templatePlace } from "./template.ts";

const inputs = z.strictObject({
  ...templatePlace,
  key: plainName.describe("Template key."),
  digest: word.describe("Of the template's image: sha256:…"),
  stack: sshTarget.shape.stack,
  required: z.boolean().describe("Whether a template that fails its test fails the update."),
  timeout_s: z.number().min(1).describe("Seconds that the clone gets to boot, and to take a login."),
  clone_timeout_s: z.number().positive().describe("Seconds that the cluster gets to clone it."),
  ssh_login: z.enum(["required", "if-reachable", "off"]).describe("Whether the clone has to take a login."),
  ssh_username: sshTarget.shape.user.describe("Who logs in there."),
});

const computed = {
  status: z.enum(["ok", "error"]).describe("What the last test came to."),
  runId: line.describe("Of the run that tried it; empty where no evidence could be written."),
  evidenceDir: line.describe("Where its evidence is; empty where none could be written."),
};

export const templateSmokeKind = declareKind({
  type: "holdfast:proxmox:TemplateSmoke",
  description: "The test of a new template: a clone of it boots, gets an address, takes a login, and is destroyed.",
  inputs,
  computed,
  replaceOn: ["vmId", "node", "digest", "stack"],
  volatile: ofEachRun(inputs, computed),
  example: {
    node: "pve",
    vmId: 9000,
    templateName: "ubuntu-24.04",
    owner: exampleOwner,
    key: "ubuntu-24.04",
    digest: "sha256:0",
    stack: "template-image/dev",
    required: true,
    timeout_s: 1,
    clone_timeout_s: 1,
    ssh_login: "off",
    ssh_username: "ubuntu",
    status: "ok",
    ...exampleEvidence,
  },
});

/** Inputs of the test. */
export type SmokeInputs = InputsOf<typeof templateSmokeKind>;
/** State of the test. */
export type SmokeState = StateOf<typeof templateSmokeKind>;
