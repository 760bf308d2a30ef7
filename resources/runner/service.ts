/**
 * The runner's daemon on its VM.
 */
import { z } from "zod";
import { isImage } from "../../lib/container-image.ts";
import { isLabel } from "../../lib/runner-labels.ts";
import type { HostKey } from "../../lib/ssh/known-hosts.ts";
import { plainName, plainUrl, publicKeyLine, word } from "../../lib/text.ts";
import { egressPolicy } from "../egress-policy.ts";
import { exampleHost, exampleKey, examplePolicy, exampleSha256 } from "../examples.ts";
import { declareKind, type InputsOf, type StateOf } from "../kind.ts";
import { sshTarget } from "../ssh-target.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "expected a SHA-256 in 64 hexadecimal digits");

/** No name: where that leads is its name server's to say. */
const vmAddress = z.ipv4("expected an IPv4 address");

const runnerLabel = z
  .string()
  .refine((text) => /^\w/.test(text) && isLabel(text), "expected labels such as fenced or fenced:docker://image");

const image = z.string().refine(isImage, "expected name:tag or name@sha256:…");

const binary = z.strictObject({
  kind: z.literal("binary").describe("A program that systemd runs."),
  url: plainUrl(/^(https?|file)$/, "expected http(s)://… or file://…").describe("Where it is fetched."),
  sha256: sha256.describe("Its digest: 64 hexadecimal digits."),
});

const container = z.strictObject({
  kind: z.literal("container").describe("A container that docker runs."),
  image: image.describe("Its image: name:tag, or name@sha256:…"),
});

export const runnerServiceKind = declareKind({
  type: "holdfast:runner:Service",
  description: "The runner's daemon on its VM; deleting it drains.",
  inputs: z.strictObject({
    vmId: word.describe("Changes with the VM: another VM needs another service, and the old one is drained first."),
    vm: sshTarget
      .extend({
        hostKey: publicKeyLine.describe("Its first public host key."),
        host: vmAddress.optional().describe("Its address. Default: the hypervisor is asked for it (DHCP)."),
      })
      .describe("How to log in to the VM."),
    hypervisor: sshTarget.describe("The VM's hypervisor."),
    domain: plainName.describe("Name of the VM's domain on the hypervisor."),
    dialErrorLimit: z.int().min(1).describe("How many failed dials to bear while the VM boots."),
    uuid: word.describe("The forge's id of the runner."),
    token: z
      .string()
      .regex(/^[\x21-\x7e]+$/, "expected a token without spaces")
      .describe("The runner's own token."),
    name: plainName.describe("The runner's name on the forge."),
    forgeUrl: plainUrl(/^https?$/, "expected http(s)://…").describe("Base URL of the forge."),
    labels: z
      .array(runnerLabel)
      .min(1, "a runner without labels gets no job")
      .describe("What the runner offers, for example fenced, or fenced:docker://image."),
    jobImage: image.describe("Image of the container in which a job runs whose label names none."),
    capacity: z.int().min(1).describe("Jobs at a time."),
    drainSeconds: z.int().min(0).describe("Seconds that a running job gets to finish when the runner stops."),
    execution: z.discriminatedUnion("kind", [binary, container]).describe("How the daemon runs."),
    egress: egressPolicy
      .optional()
      .describe("What jobs may reach; without it they may reach everything that the VM can."),
  }),
  computed: {
    address: vmAddress.describe("The VM's address, configured or by DHCP."),
    resolvedImages: z
      .record(image, image)
      .optional()
      .describe(
        "References by digest of the images that are configured by tag, by what is configured: what the tags meant when they were first pulled.",
      ),
  },
  kept: {
    /** Whether the forge accepted the daemon when it was last started. A failed start must not pass for a healthy one. */
    accepted: z.boolean().optional(),
    /** The VM's own public host key, once it has it in the place of the first one. Nothing that the VM says changes it. */
    hostKey: (publicKeyLine as unknown as z.ZodType<HostKey>).optional(),
  },
  secrets: ["token"],
  // Another registration is another service too: the old daemon drains before its row is deleted.
  replaceOn: ["vmId", "uuid"],
  volatile: { address: ["vm", "hypervisor", "domain"], resolvedImages: ["execution", "jobImage", "labels"] },
  example: {
    vmId: "7d0b0b73-5457-41f7-b050-9a160ea50810",
    vm: { ...exampleHost, host: "192.0.2.15" },
    hypervisor: exampleHost,
    domain: "runner-02",
    dialErrorLimit: 1,
    uuid: "u-1",
    token: "secret",
    name: "runner-02",
    forgeUrl: "http://forge.lab:3000",
    labels: ["fenced:host"],
    capacity: 1,
    drainSeconds: 1,
    execution: { kind: "binary", url: "file:///srv/runner", sha256: exampleSha256 },
    jobImage: "registry.lab/job:1",
    resolvedImages: { "registry.lab/job:1": `registry.lab/job@sha256:${exampleSha256}` },
    egress: examplePolicy,
    address: "192.0.2.15",
    accepted: true,
    hostKey: exampleKey,
  },
});

/** Inputs of a runner service. */
export type ServiceInputs = InputsOf<typeof runnerServiceKind>;
/** State of a runner service. */
export type ServiceState = StateOf<typeof runnerServiceKind>;
