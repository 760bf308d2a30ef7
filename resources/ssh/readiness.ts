/**
 * The gate behind a pool's VMs.
 */
import { z } from "zod";
import { line, plainName, word } from "../../lib/text.ts";
import { exampleEvidence, exampleHost, exampleKey } from "../examples.ts";
import { declareKind, type InputsOf, ofEachRun, type StateOf } from "../kind.ts";
import { sshTarget } from "../ssh-target.ts";

const { host, port, user, hostKey, stack } = sshTarget.shape;

const target = z.strictObject({
  name: plainName.describe("Logical name of the VM."),
  host: z.union([z.literal(""), host]).describe("Address; empty where the platform reported none."),
  port,
  user,
  hostKey: hostKey.describe("The machine's public host key, where we made it."),
  identity: word.describe("Digest of what makes it this machine and no other: another identity is looked at anew."),
});

const inputs = z.strictObject({
  stack,
  required: z.boolean().describe("Whether machines that are not ready, or none at all, fail the update."),
  targets: z.array(target).describe("The machines."),
  jump: sshTarget.optional().describe("The jump host that the configuration names."),
  bastion: sshTarget.optional().describe("The hypervisor as a jump host, on premises alone; tried last."),
  timeoutSeconds: z.number().min(0.1).describe("Bound on one stage of one attempt, in seconds."),
  waitSeconds: z.number().min(0).describe("How long each machine may take, in seconds; 0 is one attempt."),
});

const computed = {
  status: z.enum(["ok", "error", "skipped"]).describe("What the whole gate came to."),
  results: z
    .record(
      plainName,
      z.object({
        status: line.describe("ok or error."),
        route: line.describe("The way that was taken: direct, or over which machine."),
        stage: line.describe("How far it came."),
        seconds: z.number().describe("How long it took."),
      }),
    )
    .describe("What came of each machine, by logical name, without the attempts."),
  runId: line.describe("Of the run that looked; empty where no evidence could be written."),
  evidenceDir: line.describe("Where its evidence is; empty where none could be written."),
};

export const readinessKind = declareKind({
  type: "holdfast:ssh:Readiness",
  description: "The gate behind a pool's VMs: an update whose VMs cannot be worked on fails.",
  inputs,
  computed,
  volatile: ofEachRun(inputs, computed),
  replaceOn: ["stack"],
  example: {
    stack: "platform-vm/dev",
    required: true,
    jump: exampleHost,
    bastion: exampleHost,
    timeoutSeconds: 1,
    waitSeconds: 0,
    targets: [{ name: "app-01", host: "192.0.2.15", port: 22, user: "ops", hostKey: exampleKey, identity: "sha256:0" }],
    results: { "app-01": { status: "ok", route: "direct", stage: "ready", seconds: 1 } },
    status: "ok",
    ...exampleEvidence,
  },
});

/** Inputs of the gate. */
export type ReadinessInputs = InputsOf<typeof readinessKind>;
/** State of the gate. */
export type ReadinessState = StateOf<typeof readinessKind>;
