/**
 * Runner registrations through the forge's REST API, in Gitea's dialect (`reference` names: swagger `/admin/actions/runners`).
 */
import { api, type ForgeAccess, ForgeError, runnerCall } from "./http.ts";

/** A runner as the forge lists it. */
export interface ListedRunner {
  id: number;
  name: string;
  status: string;
  labels?: { name: string }[];
}

/** What a registration leaves the runner with. */
export interface RunnerCredentials {
  uuid: string;
  token: string;
  /** The forge's own number of the runner, by which the API addresses it. */
  runnerId: number;
}

/** Which forge answers, and in which version. */
export interface ForgeVersion {
  product: "gitea" | "forgejo";
  version: string;
}

/** Asks the forge what it is. Forgejo carries a `+gitea-…` suffix. */
export async function forgeVersion(forge: ForgeAccess): Promise<ForgeVersion> {
  const answer = await api<{ version?: unknown } | null | undefined>({ url: forge.url }, "GET", "/version");
  const version = answer?.version;
  if (typeof version !== "string") {
    throw new ForgeError(`${forge.url} did not say its version; is forge.url the forge's base URL?`, undefined);
  }
  return { product: version.includes("+gitea-") ? "forgejo" : "gitea", version };
}

/**
 * API path of a scope's runners. An empty scope is the whole instance, `org` an organisation, `owner/repo` a repository.
 */
export function runnersPath(scope: string): string {
  const [owner, repository] = scope.split("/").map(encodeURIComponent);
  if (!owner) return "/admin/actions/runners";
  return repository ? `/repos/${owner}/${repository}/actions/runners` : `/orgs/${owner}/actions/runners`;
}

/** All runners of the scope that the forge lists, page by page. */
export async function listRunners(forge: ForgeAccess, scope: string): Promise<ListedRunner[]> {
  const all: ListedRunner[] = [];
  const pageSize = 50;
  for (let page = 1; page <= 200; page++) {
    const path = `${runnersPath(scope)}?page=${page}&limit=${pageSize}`;
    const { runners = [], total_count } = await api<{ runners?: ListedRunner[]; total_count: number }>(
      forge,
      "GET",
      path,
    );
    all.push(...runners);
    if (runners.length === 0 || all.length >= total_count) return all;
  }
  throw new ForgeError("the forge lists more than 10,000 runners; narrow forge.scope", undefined);
}

/**
 * The runner with this number and name, or undefined when the forge's own list lacks it: a 404 proves nothing, a proxy in
 * front of a restarting forge gives it too. A forge that was set up anew gives old numbers to other runners.
 */
export async function findRunner(
  forge: ForgeAccess,
  scope: string,
  runner: { id: number; name: string },
): Promise<ListedRunner | undefined> {
  const runners = await listRunners(forge, scope);
  return runners.find((listed) => listed.id === runner.id && listed.name === runner.name);
}

/** Removes a registration by its number. One that is already gone is as good as removed. */
export async function deleteRunner(forge: ForgeAccess, scope: string, id: number): Promise<void> {
  await unlessMissing(api<void>(forge, "DELETE", `${runnersPath(scope)}/${id}`));
}

/**
 * Mints a registration token and uses it at once: what remains is the runner's own credentials.
 * @param labels what the forge shows until the runner's daemon declares its own.
 */
export async function registerRunner(
  forge: ForgeAccess,
  scope: string,
  name: string,
  labels: string[],
): Promise<RunnerCredentials> {
  const minted = await api<{ token: string }>(forge, "POST", `${runnersPath(scope)}/registration-token`);
  const { runner } = await runnerCall<{ runner: { id: string; uuid: string; token: string } }>(forge, "Register", {
    name,
    token: minted.token,
    version: "holdfast",
    labels,
  });
  return { uuid: runner.uuid, token: runner.token, runnerId: Number(runner.id) };
}

async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (error instanceof ForgeError && error.status === 404) return undefined;
    throw error;
  });
}
