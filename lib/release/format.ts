/**
 * What a release archive is: a tar of files with fixed names, owners and times, packed by gzip, which every Linux unpacks. The
 * same content gives the same bytes.
 */

/** How archives are named. */
export const releaseSuffix = ".tar.gz";

/** Lists every other regular file with its SHA-256, as `sha256sum --check` reads it. */
export const manifestName = "MANIFEST";

/** Time of every file: the same everywhere, so that nothing in a release is newer than anything else. */
export const releaseTime = new Date("2020-01-01T00:00:00Z");

/** One file of a release, by its path in it: copied, written, or a symbolic link. */
export type ReleaseEntry = { path: string } & (
  | { from: string; executable: boolean }
  | { text: string; executable: boolean }
  | { linkTo: string }
);
