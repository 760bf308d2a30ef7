/**
 * Texts for bundles that speak of the place of whoever runs them. JavaScript, because in TypeScript such words are filled in
 * when it is bundled, in texts as well.
 */

/** What CommonJS packages ask for in an ES module: the first line of each bundle. By names that no source has. */
export const requireBanner =
  'import { createRequire as __requireFrom } from "node:module"; const require = __requireFrom(import.meta.url);';

/** The directory of the running file, as code. */
export const ownDirectory = "import.meta.dirname";
