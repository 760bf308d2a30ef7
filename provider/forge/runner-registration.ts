/**
 * `holdfast:forge:RunnerRegistration`: one runner's row on the forge. Creating registers, deleting **deregisters**.
 * Its id is the runner's uuid. Only the runner's own credentials come out of it, never what minted them.
 */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import type { Operation, ResourceKind, State } from "../kind.ts";
import { sshTarget } from "../ssh/target.ts";
import { registerBySecret, rotated, sharedSecret } from "./forgejo-cli.ts";
import { type ForgeAccess, ForgeError } from "./http.ts";
import { deleteRunner, findRunner, forgeVersion, listRunners, registerRunner } from "./runners-api.ts";

const inputs = z.strictObject({
  /** Base URL of the forge. */
  forgeUrl: z.url({ protocol: /^https?$/, error: "expected http(s)://…" }),
  /** Empty for the whole instance, `org`, or `owner/repository`. */
  scope: z.string().regex(/^([\w.-]+(\/[\w.-]+)?)?$/, "expected nothing, an organisation, or owner/repository"),
  /** The runner's name on the forge. */
  name: z.string().min(1).max(255),
  /** Owner mark: what tells our half-made registrations from other people's. */
  owner: z.string().min(1),
  /** The forge host, where registration goes over SSH instead of the API. */
  forgeHost: sshTarget.extend({ command: z.string().min(1) }).optional(),
});

/** Inputs of a registration. */
export type RegistrationInputs = z.infer<typeof inputs>;

/** State of a registration. */
export type RegistrationState = State<RegistrationInputs> & {
  uuid: string;
  /** The runner's own token; secret. */
  token: string;
  /** Number of the runner in the forge's API; absent when registered over SSH. */
  runnerId?: number | undefined;
};

/**
 * Label that a registration carries until its daemon declares the real ones. It names the owner, so that a run that was
 * killed between registering and saving is recognised and cleaned up by the next one.
 */
export function pendingLabel(owner: string): string {
  return `holdfast-pending:${owner}`;
}

export const runnerRegistration: ResourceKind<RegistrationInputs, RegistrationState> = {
  type: "holdfast:forge:RunnerRegistration",
  inputs,
  secrets: ["token"],
  computed: ["uuid", "token", "runnerId"],
  replaceOn: ["forgeUrl", "scope", "name"],

  async create(inputs, operation) {
    const made = inputs.forgeHost
      ? await registerOverSsh(inputs, inputs.forgeHost)
      : await registerOverApi(inputs, accessTo(inputs, operation), operation);
    return { id: made.uuid, state: { ...inputs, ...made } };
  },

  async read(id, state, operation) {
    if (!state) return adopt(id, operation);
    if (state.runnerId === undefined) {
      // Forgejo before 15 lists no runners: nothing was observed, so nothing is concluded.
      return { id, state, inputs: inputsOf(state) };
    }
    const runner = { id: state.runnerId, name: state.name };
    const listed = await findRunner(accessTo(state, operation), state.scope, runner).catch((error: unknown) => {
      // Not observed, so kept: a token that has expired must not stop the `up` that brings the new one.
      if (!(error instanceof ForgeError)) throw error;
      operation.log("warning", `registration of ${state.name} was not looked at: ${error.message}`);
      return runner;
    });
    return listed ? { id, state, inputs: inputsOf(state) } : undefined;
  },

  async update(_id, { uuid, token, runnerId }, inputs) {
    return { ...inputs, uuid, token, runnerId };
  },

  async delete(_id, state, operation) {
    if (state.runnerId !== undefined) {
      const forge = accessTo(state, operation);
      const listed = await findRunner(forge, state.scope, { id: state.runnerId, name: state.name });
      if (listed) await deleteRunner(forge, state.scope, listed.id);
      return;
    }
    if (!state.forgeHost) return;
    // Without a runner list there is no delete either. A secret that nobody keeps makes the row useless for ever.
    await registerBySecret(state.forgeHost, { ...state, secret: rotated(state.token) });
    operation.log(
      "warning",
      `runner ${state.name} (${state.uuid}) can no longer log in; its row stays on the forge until an administrator deletes it ` +
        "or cron.cleanup_offline_runners does: a Forgejo before 15 has no API for that",
    );
  },
};

async function registerOverSsh(inputs: RegistrationInputs, host: NonNullable<RegistrationInputs["forgeHost"]>) {
  const secret = sharedSecret(`${inputs.owner}/${inputs.name}`);
  const uuid = await registerBySecret(host, { name: inputs.name, scope: inputs.scope, secret });
  return { uuid, token: secret };
}

async function registerOverApi(inputs: RegistrationInputs, forge: ForgeAccess, operation: Operation) {
  const { product, version } = await forgeVersion(forge);
  if (product === "forgejo") {
    throw new Error(
      `${inputs.forgeUrl} is Forgejo ${version}: registration there goes over SSH on the forge host; unset forge.token`,
    );
  }
  const pending = pendingLabel(inputs.owner);
  const namesakes = (await listRunners(forge, inputs.scope)).filter((runner) => runner.name === inputs.name);
  for (const runner of namesakes) {
    if (!runner.labels?.some((label) => label.name === pending)) {
      throw new Error(
        `a runner named ${inputs.name} (number ${runner.id}) is already registered on ${inputs.forgeUrl} and is not ours: ` +
          "choose another vm.name, delete it on the forge, or adopt it with `pulumi import`",
      );
    }
    operation.log(
      "info",
      `removing registration ${runner.id} of ${runner.name}, left half-made by a run that was cut off`,
    );
    await deleteRunner(forge, inputs.scope, runner.id);
  }
  return registerRunner(forge, inputs.scope, inputs.name, [pending]);
}

/**
 * Import: the id is the path of the runner's own registration file (`.runner`), the only place that has its token, with
 * `?scope=org` or `?scope=owner/repository` behind it where the runner is not the whole instance's.
 */
async function adopt(id: string, operation: Operation) {
  const [path = "", scope = ""] = id.split("?scope=");
  const file = path.replace(/^file:(\/\/)?/, "");
  if (!existsSync(file)) {
    throw new Error(
      `to import a registration give the path of a copy of the runner's .runner file as its id; there is no file ${file}`,
    );
  }
  const { uuid, token, name, address } = registrationIn(file);
  if (!uuid || !token || !name || !address) throw new Error(`${file} lacks uuid, token, name or address`);
  const inputs: RegistrationInputs = { forgeUrl: address.replace(/\/$/, ""), scope, name, owner: "imported" };
  const forge = accessTo(inputs, operation);
  const listed = (await listRunners(forge, scope)).filter((runner) => runner.name === name);
  const [only] = listed;
  if (!only || listed.length > 1) {
    throw new Error(`${address} lists ${listed.length} runners named ${name}; exactly one is needed to import it`);
  }
  return { id: uuid, state: { ...inputs, uuid, token, runnerId: only.id }, inputs };
}

/** What the runner wrote about itself. The parser's own words are left out: they quote what they stumbled over. */
function registrationIn(file: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
  } catch {
    throw new Error(`${file} is no .runner file: it cannot be read as JSON`);
  }
}

function accessTo(inputs: { forgeUrl: string }, operation: Operation): ForgeAccess {
  const token = operation.config.forgeToken;
  if (!token) {
    throw new Error(
      "no API token for the forge: pulumi config set --secret forge.token, " +
        "or set forge.ssh.* so that the runner is registered on the forge host",
    );
  }
  return { url: inputs.forgeUrl, token };
}

function inputsOf(state: RegistrationState): RegistrationInputs {
  const { forgeUrl, scope, name, owner, forgeHost } = state;
  return { forgeUrl, scope, name, owner, ...(forgeHost ? { forgeHost } : {}) };
}
