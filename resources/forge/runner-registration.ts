/**
 * One runner's row on the forge.
 */
import { z } from "zod";
import { commandWords } from "../../lib/forge/forgejo-command.ts";
import { scopePattern } from "../../lib/forge/scope-pattern.ts";
import { ownerName, plainName, plainUrl, word } from "../../lib/text.ts";
import { exampleHost, exampleOwner } from "../examples.ts";
import { declareKind, type InputsOf, type StateOf } from "../kind.ts";
import { sshTarget } from "../ssh-target.ts";

export const runnerRegistrationKind = declareKind({
  type: "holdfast:forge:RunnerRegistration",
  description: "One runner's row on the forge; deleting it deregisters.",
  inputs: z.strictObject({
    forgeUrl: plainUrl(/^https?$/, "expected http(s)://…").describe("Base URL of the forge."),
    scope: z
      .string()
      .regex(scopePattern, "expected nothing, an organisation, or owner/repository")
      .describe("Empty for the whole instance, the name of an organisation or a user, or owner/repository."),
    name: plainName.describe("The runner's name on the forge."),
    owner: ownerName.describe("Owner mark: what tells our half-made registrations from other people's."),
    forgeHost: sshTarget
      .extend({
        command: z
          .string()
          .regex(commandWords, "expected words without characters of a shell")
          .describe("The forge's own command there, for example docker exec -i -u git forgejo forgejo."),
      })
      .optional()
      .describe("The forge host, where registration goes over SSH instead of the API."),
  }),
  computed: {
    uuid: word.describe("The forge's id of the runner."),
    token: z
      .string()
      .regex(/^[\x21-\x7e]+$/, "expected a token without spaces")
      .describe("The runner's own token."),
    runnerId: z
      .int()
      .min(0)
      .optional()
      .describe("Number of the runner in the forge's API; absent when registered over SSH."),
  },
  secrets: ["token"],
  additionalSecretOutputs: ["token"],
  replaceOn: ["forgeUrl", "scope", "name"],
  example: {
    forgeUrl: "http://forge.lab:3000",
    scope: "org/repo",
    name: "runner-02",
    owner: exampleOwner,
    uuid: "u-1",
    token: "secret",
    forgeHost: { ...exampleHost, command: "docker exec -i -u git forgejo forgejo" },
  },
});

/** Inputs of a registration. */
export type RegistrationInputs = InputsOf<typeof runnerRegistrationKind>;
/** State of a registration. */
export type RegistrationState = StateOf<typeof runnerRegistrationKind>;
