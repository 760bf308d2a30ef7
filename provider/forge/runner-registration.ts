/**
 * `holdfast:forge:RunnerRegistration`: one runner's row on the forge. Creating registers, deleting **deregisters**.
 * Its id is the runner's uuid. Only the runner's own credentials come out of it, never what minted them.
 */
import { existsSync, readFileSync } from "node:fs";
import type { ForgeAccess } from "../../lib/forge/api.ts";
import type { ListedRunner, RunnersApi } from "../../lib/forge/dialect.ts";
import { askRunners } from "../../lib/forge/dialects.ts";
import { ForgeError } from "../../lib/forge/errors.ts";
import { locateRunners } from "../../lib/forge/scope.ts";
import {
  type RegistrationInputs,
  type RegistrationState,
  runnerRegistrationKind,
} from "../../resources/forge/runner-registration.ts";
import { implement, type Operation } from "../kind.ts";
import { registerBySecret, rotated, sharedSecret } from "./forgejo-cli.ts";
import { registerOverApi } from "./register.ts";
import { movedFrom, type Source, tokenFor } from "./token.ts";

export const runnerRegistration = implement(runnerRegistrationKind, {
  async create(inputs, operation) {
    const made = inputs.forgeHost
      ? await registerOverSsh(inputs, inputs.forgeHost, operation.signal)
      : await registerOverApi(accessTo(inputs, operation, "inputs"), inputs, operation.log);
    return { id: made.uuid, state: { ...inputs, ...made } };
  },

  async read(id, state, operation) {
    if (!state) return adopt(id, operation);
    const seen = await look(state, operation);
    if (seen === "gone") return undefined;
    // Not observed, so kept: a token that has expired must not stop the `up` that brings the new one.
    const known = seen === "unobserved" ? state : { ...state, runnerId: seen.id };
    return { id, state: known, inputs: inputsOf(state) };
  },

  async update(_id, { uuid, token, runnerId }, inputs) {
    return { ...inputs, uuid, token, runnerId };
  },

  async delete(_id, state, operation) {
    if (state.runnerId === undefined && state.forgeHost) return lockOut(state, state.forgeHost, operation);
    const moved = movedFrom(state.forgeUrl, operation.config);
    const forge = accessTo({ forgeUrl: moved ?? state.forgeUrl }, operation, "state");
    const runners = await askRunners(forge);
    const place = await locateRunners(forge, state.scope);
    const row = await find(state, { forge, runners, place });
    // Another forge gives our number to somebody else: only the uuid says that it is the same one in another place.
    const isTold = row !== "unobserved" && (!moved || (row !== "gone" && row.uuid !== undefined));
    if (!isTold) operation.log("warning", stays(state));
    else if (row !== "gone") await runners.delete(forge, place, row.id);
  },
});

/** What the forge has of a registration. Where it lists nothing, or does not answer, nothing was observed. */
async function look(state: RegistrationState, operation: Operation): Promise<Sight> {
  // Over SSH there is no token that could list; a Forgejo before 15 has no list at all.
  if (state.runnerId === undefined && state.forgeHost) return "unobserved";
  try {
    const forge = accessTo(state, operation, "state");
    const runners = await askRunners(forge);
    return await find(state, { forge, runners, place: await locateRunners(forge, state.scope) });
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    operation.log("warning", `registration of ${state.name} was not looked at: ${error.message}`);
    return "unobserved";
  }
}

/** A row as it was seen, or that there is none, or that it cannot be told. */
type Sight = ListedRunner | "gone" | "unobserved";

/**
 * The row of a registration. It is gone only where the forge itself says so of its number, or gives that to another runner,
 * as one that was set up anew does. Of a registration over SSH only the uuid is known: there, two complete lists have to be
 * without it.
 */
async function find(
  state: RegistrationState,
  { forge, runners, place }: { forge: ForgeAccess; runners: RunnersApi; place: string },
): Promise<Sight> {
  if (state.runnerId !== undefined) {
    const row = await runners.get(forge, place, state.runnerId);
    return row && isOurs(state, row) ? row : "gone";
  }
  for (let lists = 0; lists < 2; lists++) {
    const listed = await runners.list(forge, place);
    const row = listed.find(({ uuid }) => uuid === state.uuid);
    if (row) return row;
    if (listed.some(({ uuid }) => uuid === undefined)) return "unobserved";
  }
  return "gone";
}

/** Whether the row of our number is ours: by its uuid where the forge shows it, else by its name. */
function isOurs(state: RegistrationState, row: ListedRunner): boolean {
  return row.uuid === undefined ? row.name === state.name : row.uuid === state.uuid;
}

/** Without a runner list there is no delete either. A secret that nobody keeps makes the row useless for ever. */
async function lockOut(
  state: RegistrationState,
  host: NonNullable<RegistrationInputs["forgeHost"]>,
  operation: Operation,
): Promise<void> {
  await registerBySecret(host, { ...state, secret: rotated(state.token) }, operation.signal).catch((error: Error) => {
    operation.signal.throwIfAborted();
    throw new Error(
      `${error.message}; then \`pulumi up\` first: a destroy uses what the last update knew of the forge host`,
    );
  });
  operation.log("warning", `${state.name} can no longer log in. ${stays(state)}`);
}

function stays(state: RegistrationState): string {
  return (
    `the row of ${state.name} (${state.uuid}) stays on ${state.forgeUrl} until an administrator deletes it or ` +
    "cron.cleanup_offline_runners does"
  );
}

async function registerOverSsh(
  inputs: RegistrationInputs,
  host: NonNullable<RegistrationInputs["forgeHost"]>,
  signal: AbortSignal,
) {
  const secret = sharedSecret(`${inputs.owner}/${inputs.name}`);
  const uuid = await registerBySecret(host, { name: inputs.name, scope: inputs.scope, secret }, signal);
  return { uuid, token: secret };
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
  const forge = accessTo(inputs, operation, "inputs");
  const runners = await askRunners(forge);
  const only = onlyOne({ uuid, name, address }, await runners.list(forge, await locateRunners(forge, scope)));
  return { id: uuid, state: { ...inputs, uuid, token, runnerId: only.id }, inputs };
}

/** The one row that a registration file belongs to: by uuid where the forge lists it, else by name. */
function onlyOne(file: { uuid: string; name: string; address: string }, listed: readonly ListedRunner[]): ListedRunner {
  const mine = listed.filter((runner) =>
    runner.uuid === undefined ? runner.name === file.name : runner.uuid === file.uuid,
  );
  const [only] = mine;
  if (only?.ephemeral) {
    throw new Error(
      `${file.name} on ${file.address} is registered for one job and gone after it: register a runner that stays, and import that`,
    );
  }
  if (only && mine.length === 1) return only;
  throw new Error(
    `${file.address} lists ${mine.length} runners named ${file.name}; exactly one is needed to import it ` +
      "(one of another scope is found with ?scope=… behind the path)",
  );
}

/** What the runner wrote about itself. The parser's own words are left out: they quote what they stumbled over. */
function registrationIn(file: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
  } catch {
    throw new Error(`${file} is no .runner file: it cannot be read as JSON`);
  }
}

/** @param from what names the URL. */
function accessTo(inputs: { forgeUrl: string }, operation: Operation, from: Source): ForgeAccess {
  const token = tokenFor(operation.config, inputs.forgeUrl, from);
  if (token) return { url: inputs.forgeUrl, token, signal: operation.signal };
  throw new ForgeError(
    "refused",
    `no API token for the forge ${inputs.forgeUrl}`,
    "pulumi config set --secret forge.token, or set forge.ssh.* so that the runner is registered on the forge host; " +
      "what was registered with a token needs one to be deleted",
  );
}

function inputsOf(state: RegistrationState): RegistrationInputs {
  const { forgeUrl, scope, name, owner, forgeHost } = state;
  return { forgeUrl, scope, name, owner, ...(forgeHost ? { forgeHost } : {}) };
}
