/**
 * The operations toolchain on a runner VM.
 */
import { z } from "zod";
import { line, ownerName, plainName, plainUrl, word } from "../../lib/text.ts";
import { exampleEvidence, exampleHost, exampleKey, exampleOwner, exampleSha256 } from "../examples.ts";
import { declareKind, type InputsOf, ofEachRun, type StateOf } from "../kind.ts";
import { sshTarget } from "../ssh-target.ts";

/** Where a toolchain may be: below a directory of its own, for it is removed as a whole. */
const prefixPattern = /^(\/[A-Za-z0-9_][\w.-]*){2,}$/;

const inputs = z.strictObject({
  owner: ownerName.describe("Owner mark of the stack: nothing that another one put there is touched."),
  vm: plainName.describe("Logical name of the VM, for example runner-01."),
  identity: word.describe("Digest of what makes it this machine and no other: another one is installed anew."),
  target: sshTarget.describe("How to log in; its user is who uses the toolchain."),
  direct: z.boolean().describe("Whether the straight way may be taken."),
  jump: sshTarget.optional().describe("The jump host that the configuration names."),
  bastion: sshTarget.optional().describe("The hypervisor as a jump host; tried last."),
  timeoutSeconds: z.number().min(0.1).describe("Bound on one stage of one attempt to log in, in seconds."),
  waitSeconds: z.number().min(0).describe("How long logging in may take, in seconds; 0 is one attempt."),
  state: z.enum(["present", "absent"]).describe("absent: whatever was installed is removed."),
  prefix: z
    .string()
    .regex(prefixPattern, "expected an absolute path of at least two plain names")
    .describe("Directory of the toolchain, absolute, at least two levels deep."),
  os: z.enum(["ubuntu-lts", "debian"]).describe("What the VM has to run."),
  release: z
    .strictObject({
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/, "expected a SHA-256 in 64 hexadecimal digits")
        .describe("Of the archive: 64 hexadecimal digits."),
      url: plainUrl(/^https?$/, "expected http(s)://… with a plain host")
        .optional()
        .describe(
          "Where the VM fetches it. Absent: it is sent from this workstation's cache, which has it under its digest.",
        ),
    })
    .optional()
    .describe("What is installed; absent where nothing is to be."),
  systemLink: z.boolean().describe("Whether /usr/local/bin/holdfast leads to it."),
  gatewayPorts: z.boolean().describe("Whether sshd lets remote forwards listen on more than loopback."),
});

const computed = {
  status: z.enum(["ok", "absent", "error"]).describe("What the last run came to."),
  version: line.describe("What holdfast --version and pulumi version said on the VM."),
  hostKey: sshTarget.shape.hostKey
    .unwrap()
    .describe("The VM's public SSH host key that was met; empty where it was not."),
  route: line.describe("The way that led there, so that the next look takes it first."),
  runId: line.describe("Of the run that worked on it; empty where no evidence could be written."),
  evidenceDir: line.describe("Where its evidence is; empty where none could be written."),
  forcedRun: line.describe("The deploy that forced that run; empty where none did."),
};

export const operationsToolchainKind = declareKind({
  type: "holdfast:runner:OperationsToolchain",
  description:
    "The operations toolchain on a runner VM; deleting it removes it, and never waits long for a VM that is gone.",
  inputs,
  computed,
  // Another prefix, or another VM: what the old one has goes first.
  replaceOn: ["owner", "vm", "prefix"],
  volatile: ofEachRun(inputs, computed, "drift", "forcedRun"),
  reruns: true,
  example: {
    owner: exampleOwner,
    vm: "ops-01",
    identity: `sha256:${exampleSha256}`,
    target: exampleHost,
    direct: true,
    jump: exampleHost,
    bastion: exampleHost,
    timeoutSeconds: 1,
    waitSeconds: 0,
    state: "present",
    prefix: "/opt/holdfast",
    os: "ubuntu-lts",
    release: { sha256: exampleSha256, url: "https://releases.example.org/a.tar.gz" },
    systemLink: true,
    gatewayPorts: true,
    status: "ok",
    version: "holdfast 0.1, pulumi v3",
    hostKey: exampleKey,
    route: "jump root@192.0.2.1:22",
    ...exampleEvidence,
    forcedRun: "run-1",
  },
});

/** Inputs of an operations toolchain. */
export type OperationsInputs = InputsOf<typeof operationsToolchainKind>;
/** State of an operations toolchain. */
export type OperationsState = StateOf<typeof operationsToolchainKind>;
