/**
 * What starts a Pulumi program, or the command `holdfast`: its first module with all of this repository that it imports as a
 * few files, which bundle.ts makes anew whenever a source is another, and the SDK without what no program needs. JavaScript,
 * so that nothing has to be translated before. Where no bundle can be made (a folder that cannot be written to, a source with
 * an error), the first module is imported as it is.
 */
import { createHash } from "node:crypto";
import { accessSync, constants, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { deferPackages } from "./deferred.js";

/** Folder of a program's bundle, below the program's own. */
export const bundleFolder = ".bundle";
/** In it: which file is the entry, and of which sources it is. */
export const recordName = "program.json";

/**
 * Runs the program in a folder.
 * @param {string} directory the program's folder, absolute.
 * @param {string} entry its first module; default: that of a Pulumi program.
 * @returns {Promise<object>} what the entry exports: of a Pulumi program the outputs of the stack.
 */
export async function startProgram(directory, entry = "index.ts") {
  deferPackages();
  const fresh = freshBundle(directory);
  if (fresh === undefined) await readTypeScript();
  const bundle = fresh ?? (await makeBundle(directory, entry));
  return import(pathToFileURL(bundle ?? join(directory, entry)).href);
}

/**
 * The entry of a program's bundle.
 * @param {string} directory the program's folder, absolute.
 * @returns {string | undefined} its path; nothing where there is none, or where it is of other sources.
 */
export function freshBundle(directory) {
  const folder = join(directory, bundleFolder);
  try {
    const { entry, sources, digest } = JSON.parse(readFileSync(join(folder, recordName), "utf8"));
    if (digestOf(directory, sources) !== digest) return undefined;
    accessSync(join(folder, entry));
    return join(folder, entry);
  } catch {
    return undefined;
  }
}

/**
 * Digest of the sources of a bundle. By content: a checkout of another commit and a copy need not have times that tell.
 * @param {string} directory the program's folder.
 * @param {string[]} sources paths from there.
 */
export function digestOf(directory, sources) {
  const hash = createHash("sha256");
  for (const source of sources) hash.update(`\0${source}\0`).update(readFileSync(join(directory, source)));
  return hash.digest("hex");
}

/** Lets Node.js import TypeScript: 0.4 s of computing, for which Pulumi.yaml therefore does not ask. */
async function readTypeScript() {
  const { register } = await import("tsx/esm/api");
  register();
}

/**
 * @param {string} directory
 * @param {string} entry
 */
async function makeBundle(directory, entry) {
  try {
    accessSync(directory, constants.W_OK);
    const { bundleProgram } = await import("./bundle.ts");
    return await bundleProgram(directory, entry);
  } catch {
    return undefined;
  }
}
