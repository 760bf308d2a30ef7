/**
 * Which forge answers, and in which version: asked, never guessed.
 */
import { z } from "zod";
import { api, type ForgeAccess } from "./api.ts";
import { ForgeError } from "./errors.ts";

/** A forge's product and version. */
export interface ForgeVersion {
  product: "gitea" | "forgejo";
  /** As the forge says it, for example `15.0.1+gitea-1.22.0`. */
  version: string;
  major: number;
  minor: number;
}

/** Reads a version; undefined when it is of neither product. Forgejo carries a `+gitea-…` suffix. */
export function parseVersion(version: string): ForgeVersion | undefined {
  const numbers = /^(\d{1,4})\.(\d{1,4})\.[\w.+-]{1,100}$/.exec(version);
  if (!numbers) return undefined;
  const [major, minor] = [Number(numbers[1]), Number(numbers[2])];
  if (version.includes("+gitea-")) return { product: "forgejo", version, major, minor };
  return major === 1 ? { product: "gitea", version, major, minor } : undefined;
}

/**
 * Asks the forge what it is.
 * @throws ForgeError when it is not reached, is no forge, or is one that this version of holdfast does not know.
 */
export async function forgeVersion(forge: ForgeAccess): Promise<ForgeVersion> {
  const { body } = await versionFrom({ ...forge, token: undefined }).catch((error: unknown) => {
    // A forge that is closed to visitors tells its version to those who log in. Nobody else gets to see the token.
    const closed = error instanceof ForgeError && (error.status === 401 || error.status === 403);
    if (closed && forge.token) return versionFrom(forge);
    throw error;
  });
  const version = parseVersion(body.version);
  if (version) return version;
  throw new ForgeError(
    "garbled",
    `${forge.url} says that its version is ${JSON.stringify(body.version.slice(0, 60))}, which is neither Gitea's nor Forgejo's`,
    "is forge.url the forge's base URL? A forge built without a version has to be built with one",
  );
}

function versionFrom(forge: ForgeAccess) {
  return api(forge, "GET", "/version", z.object({ version: z.string() }));
}
