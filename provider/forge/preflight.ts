/**
 * Looks at the forge before anything is changed: is it there, may the token do what is needed, is the runner's name free.
 * Only calls that read, and the runner protocol's Ping. Refuses nothing by itself: a name that cannot be told to be a stranger's is left to the
 * registration, which sees the forge again at the moment that counts.
 */

import { actionsDisabled, actionsEnabled, knowingActions } from "../../lib/forge/actions.ts";
import type { ForgeAccess } from "../../lib/forge/api.ts";
import type { ListedRunner } from "../../lib/forge/dialect.ts";
import { askDialect, type KnownForge, withoutRunners } from "../../lib/forge/dialects.ts";
import { ForgeError, neededScope } from "../../lib/forge/errors.ts";
import { locateRunners } from "../../lib/forge/scope.ts";
import { parseOwnerMark } from "../../lib/owner-mark.ts";
import type { Check } from "../../lib/preflight/check.ts";
import type { RetryPolicy } from "../../lib/retry.ts";
import type { Operation } from "../kind.ts";
import type { ForgeHost } from "./forgejo-cli.ts";
import { forgejoCliChecks } from "./forgejo-cli-checks.ts";
import { isHalfMade } from "./register.ts";

/** What a stack wants of its forge. */
export interface ForgeWanted {
  /** Base URL of the forge. */
  forgeUrl: string;
  /** Empty for the whole instance, `org` or a user, or `owner/repository`. */
  scope: string;
  /** The runner's name. */
  name: string;
  /** Our owner mark. */
  owner: string;
  /** The forge host, where registration goes over SSH. */
  forgeHost?: ForgeHost | undefined;
  /** API token; secret. */
  token?: string | undefined;
  /** The uuid in this stack's state; null: the state is known to have none; undefined: the state is not known. */
  registeredUuid?: string | null | undefined;
  signal?: AbortSignal | undefined;
  /** Told which forge answered, and in which version. */
  recordVersion?: Operation["recordVersion"] | undefined;
  /** Of every call; for tests. */
  retry?: RetryPolicy | undefined;
}

/**
 * All checks of the forge, in the order in which they depend on each other. Never throws for what a check finds, only when
 * the signal is aborted.
 */
export async function forgeChecks(wanted: ForgeWanted): Promise<Check[]> {
  const { forgeUrl: url, token, signal, retry } = wanted;
  const forge: ForgeAccess = { url, token, signal, retry };
  const known = await askDialect(forge).catch((error: unknown) => expected(error, signal));
  if (!(known instanceof ForgeError))
    wanted.recordVersion?.("forge", `${known.version.product} ${known.version.version}`);
  if (wanted.forgeHost) {
    const [actions, host] = await Promise.all([
      actionsCheck(forge, known),
      forgejoCliChecks(wanted.forgeHost, wanted, signal),
    ]);
    return [reachedForSsh(url, known), actions, ...host, nameOverSsh(wanted)];
  }
  const first = `a forge of a known version answers at ${url}`;
  if (known instanceof ForgeError) {
    const rest = [actionsWhat(url), tokenWhat(wanted), nameWhat(wanted)];
    return [failed(first, known), ...rest.map((what) => skipped(what, notLearnt))];
  }
  const [actions, runners] = await Promise.all([actionsCheck(forge, known), runnerChecks(forge, known, wanted)]);
  return [{ what: first, status: "ok", found: described(known) }, actions, ...runners];
}

const notLearnt = "which forge it is was not learnt";

async function actionsCheck(forge: ForgeAccess, known: KnownForge | ForgeError): Promise<Check> {
  const what = actionsWhat(forge.url);
  if (known instanceof ForgeError) return skipped(what, notLearnt);
  const enabled = await actionsEnabled(forge).catch((error: unknown) => expected(error, forge.signal));
  if (enabled instanceof ForgeError) return skipped(what, enabled.found);
  return enabled
    ? { what, status: "ok", found: "the runner protocol answers" }
    : failed(what, actionsDisabled(forge.url));
}

async function runnerChecks(forge: ForgeAccess, known: KnownForge, wanted: ForgeWanted): Promise<Check[]> {
  const listed = await knowingActions(forge, () => listing(forge, known, wanted)).catch((error: unknown) =>
    expected(error, wanted.signal),
  );
  if (listed instanceof ForgeError) {
    return [failed(tokenWhat(wanted), listed), skipped(nameWhat(wanted), "the runners could not be listed")];
  }
  const scope = neededScope("POST", listed.place);
  const found = `it lists ${listed.runners.length} runners; whether it may also make and delete them (${scope}) only doing so tells`;
  return [{ what: tokenWhat(wanted), status: "ok", found }, nameCheck(wanted, listed.runners)];
}

async function listing(forge: ForgeAccess, { version, dialect }: KnownForge, wanted: ForgeWanted) {
  if (!dialect.runners) throw withoutRunners(forge.url, version, dialect);
  if (!forge.token) {
    const fix =
      "pulumi config set --secret forge.token, or set forge.ssh.* so that the runner is registered on the forge host";
    throw new ForgeError("refused", "there is neither an API token nor a forge host", fix);
  }
  const place = await locateRunners(forge, wanted.scope);
  return { place, runners: await dialect.runners.list(forge, place) };
}

/** Whose the rows of our name are, as far as it can be told from here. */
function nameCheck(wanted: ForgeWanted, listed: readonly ListedRunner[]): Check {
  const what = nameWhat(wanted);
  const namesakes = listed.filter((runner) => runner.name === wanted.name);
  const ours = listed.find((runner) => runner.uuid !== undefined && runner.uuid === wanted.registeredUuid);
  if (ours)
    return { what, status: "ok", found: `this stack's own registration is there (number ${ours.id}, ${ours.status})` };
  if (namesakes.length === 0) return { what, status: "ok", found: "no runner of that name is listed" };
  const stranger = namesakes.find((runner) => isForeign(runner, wanted));
  if (stranger) {
    return {
      what,
      status: "failed",
      found: `runner ${wanted.name} (number ${stranger.id}, ${stranger.status}) on ${wanted.forgeUrl} is ${whose(stranger, wanted.owner)}`,
      fix: "choose another vm.name, delete it on the forge, or adopt it with `pulumi import`",
    };
  }
  return { what, status: "ok", found: namesakes.map((runner) => notForeign(runner, wanted.owner)).join("; ") };
}

/**
 * Whether a namesake is certainly not this stack's. Without its state that takes a mark of another stack: a row without a
 * mark may be ours by import, and on Gitea a daemon's labels take the mark's place.
 */
function isForeign(runner: ListedRunner, { owner, registeredUuid }: ForgeWanted): boolean {
  if (isHalfMade(runner, owner)) return false;
  if (runner.owner !== undefined && !sameStack(runner.owner, owner)) return true;
  // What the state does not know cannot be taken over either. A uuid of ours that is not listed was deleted on the forge.
  return registeredUuid === null || (registeredUuid !== undefined && runner.uuid !== undefined);
}

/** A site may be renamed; project and stack stay. */
function sameStack(mark: string, owner: string): boolean {
  const [theirs, ours] = [parseOwnerMark(mark), parseOwnerMark(owner)];
  return mark === owner || (theirs !== undefined && theirs.project === ours?.project && theirs.stack === ours.stack);
}

function whose({ owner, pending }: ListedRunner, ours: string): string {
  if (owner === ours) return "this stack's by its mark, and not what its state knows";
  if (owner !== undefined) return `of ${owner}`;
  return pending ? "nobody's yet, and not this stack's" : "not this stack's";
}

function notForeign(runner: ListedRunner, owner: string): string {
  const row = `number ${runner.id} (${runner.status})`;
  if (isHalfMade(runner, owner)) return `${row} was left half-made by this stack, \`pulumi up\` removes it`;
  if (runner.owner !== undefined) return `${row} is this stack's own, by its mark`;
  return `${row} is listed; whether it is this stack's cannot be told from here, \`pulumi up\` refuses a stranger's`;
}

/** Over SSH nothing is asked of the API. The VM must reach the forge, not this machine. */
function reachedForSsh(url: string, known: KnownForge | ForgeError): Check {
  const what = `a forge answers at ${url}`;
  if (!(known instanceof ForgeError)) return { what, status: "ok", found: described(known) };
  return skipped(what, `${known.found}; not needed from here, since the runner is registered over SSH`);
}

function nameOverSsh(wanted: ForgeWanted): Check {
  return skipped(nameWhat(wanted), "over SSH runners are not listed; the same stack always gets its own row again");
}

function actionsWhat(url: string): string {
  return `Actions are enabled on ${url}`;
}

function tokenWhat({ scope }: ForgeWanted): string {
  return `forge.token is accepted and may list the runners of ${scope === "" ? "the whole forge" : scope}`;
}

function nameWhat({ name }: ForgeWanted): string {
  return `no other's runner is named ${name}`;
}

function described({ version, dialect }: KnownForge): string {
  return `${version.product === "gitea" ? "Gitea" : "Forgejo"} ${version.version}, spoken to as ${dialect.name}`;
}

function failed(what: string, error: ForgeError): Check {
  return { what, status: "failed", found: error.found, ...(error.fix ? { fix: error.fix } : {}) };
}

function skipped(what: string, found: string): Check {
  return { what, status: "skipped", found };
}

/** The forge's own failures are findings; a cancelled look and a mistake in this program are not. */
function expected(error: unknown, signal: AbortSignal | undefined): ForgeError {
  signal?.throwIfAborted();
  if (error instanceof ForgeError) return error;
  throw error;
}
