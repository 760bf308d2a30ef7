/**
 * Where in the API the runners of a scope are.
 */
import { z } from "zod";
import { api, type ForgeAccess } from "./api.ts";
import { ForgeError } from "./errors.ts";

/** API path of the runners of the token's own user. */
const ownRunners = "/user/actions/runners";

/** API path of a scope's runners: empty is the whole instance, `org` an organisation, `owner/repo` a repository. */
export function runnersPath(scope: string): string {
  const [owner, repository] = scope.split("/").map(encodeURIComponent);
  if (!owner) return "/admin/actions/runners";
  return repository ? `/repos/${owner}/${repository}/actions/runners` : `/orgs/${owner}/actions/runners`;
}

/**
 * Like `runnersPath`, but a scope of one name may also be the token's own user: the forge is asked which.
 * @throws ForgeError when it is neither, or the token may not see it.
 */
export async function locateRunners(forge: ForgeAccess, scope: string): Promise<string> {
  if (scope === "" || scope.includes("/")) return runnersPath(scope);
  try {
    await api(forge, "GET", `/orgs/${encodeURIComponent(scope)}`, z.unknown());
    return runnersPath(scope);
  } catch (error) {
    // A token that is good for its user alone is refused before the forge looks whether there is such an organisation.
    const noOrganisation = error instanceof ForgeError && (error.status === 403 || error.status === 404);
    if (noOrganisation && (await isOwnName(forge, scope))) return ownRunners;
    throw error;
  }
}

async function isOwnName(forge: ForgeAccess, name: string): Promise<boolean> {
  try {
    const { body } = await api(forge, "GET", "/user", z.object({ login: z.string() }));
    return body.login.toLowerCase() === name.toLowerCase();
  } catch (error) {
    if (error instanceof ForgeError && !error.retryable) return false;
    throw error;
  }
}
