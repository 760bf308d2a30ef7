/**
 * What CommonJS packages ask for in an ES module: the first line of each bundle. JavaScript, because what TypeScript here says
 * of its place is filled in when it is bundled, in texts as well, and this is to be filled in by whoever runs the bundle.
 */
export const requireBanner =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';
