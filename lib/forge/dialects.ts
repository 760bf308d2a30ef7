/**
 * The one place that chooses a dialect, by the version that the forge says.
 */
import type { ForgeAccess } from "./api.ts";
import type { Dialect, RunnersApi } from "./dialect.ts";
import { ForgeError } from "./errors.ts";
import { forgejoRunners } from "./forgejo.ts";
import { giteaRunners } from "./gitea.ts";
import { type ForgeVersion, forgeVersion } from "./version.ts";

/** Oldest first within a product; the last entry that is old enough is taken. `from` is `[major, minor]`. */
const dialects: readonly (Dialect & { product: ForgeVersion["product"]; from: readonly [number, number] })[] = [
  { product: "gitea", from: [1, 0], name: "Gitea before 1.24" },
  { product: "gitea", from: [1, 24], name: "Gitea 1.24 or later", runners: giteaRunners },
  { product: "forgejo", from: [1, 0], name: "Forgejo 10 or before" },
  { product: "forgejo", from: [11, 0], name: "Forgejo 11 to 14" },
  { product: "forgejo", from: [15, 0], name: "Forgejo 15 or later", runners: forgejoRunners },
];

/** The dialect of a version. A version that is newer than all that is known speaks the newest one. */
export function dialectOf({ product, major, minor }: ForgeVersion): Dialect {
  const fitting = dialects.filter(
    (dialect) =>
      dialect.product === product &&
      (dialect.from[0] < major || (dialect.from[0] === major && dialect.from[1] <= minor)),
  );
  const newest = fitting.at(-1);
  if (!newest) throw new Error(`no dialect for ${product} ${major}.${minor}`);
  return newest;
}

/** What a forge is, and how it is spoken to. */
export interface KnownForge {
  version: ForgeVersion;
  dialect: Dialect;
}

/**
 * Asks the forge for its version and chooses the dialect.
 * @throws ForgeError when it cannot be asked, or is of no known product.
 */
export async function askDialect(forge: ForgeAccess): Promise<KnownForge> {
  const version = await forgeVersion(forge);
  return { version, dialect: dialectOf(version) };
}

/**
 * The runners API of a forge.
 *
 * Forgejo before 15 hands out registration tokens over the API, but can neither list nor delete what they register: a row
 * whose registration was cut off could never be found again, and no credential ever be taken back. There, a runner is
 * registered over SSH on the forge host, where the same secret always meets the same row.
 * @throws ForgeError that says what to set, for a forge without one.
 */
export async function askRunners(forge: ForgeAccess): Promise<RunnersApi> {
  const { version, dialect } = await askDialect(forge);
  if (dialect.runners) return dialect.runners;
  throw withoutRunners(forge.url, version, dialect);
}

/** Says of a forge without a runners API what it lacks and what to set. */
export function withoutRunners(url: string, { product, version }: ForgeVersion, dialect: Dialect): ForgeError {
  const found = `${url} is ${dialect.name} (${version}), whose API can neither list nor delete runners`;
  const fix =
    product === "forgejo"
      ? "register over SSH on the forge host instead: pulumi config rm forge.token, and set forge.ssh.* where it is not reached as root on port 22"
      : "upgrade the forge to Gitea 1.24 or later, or to Forgejo";
  return new ForgeError("refused", found, fix);
}
