/**
 * How the plugin and what it imports become one file; for bundle.ts, and for releases, which bring the file along.
 */
import type { BuildOptions } from "esbuild";

export const bundleOptions = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  // It looks for native code of its own beside itself.
  external: ["ssh2"],
  // What CommonJS packages ask for in an ES module.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  logLevel: "error",
} as const satisfies BuildOptions;
