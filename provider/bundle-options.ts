/**
 * How the plugin and what it imports become one file; for bundle.ts, and for releases, which bring the file along.
 */
import type { BuildOptions } from "esbuild";
import { requireBanner } from "../lib/program/banner.js";

export const bundleOptions = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  // It looks for native code of its own beside itself.
  external: ["ssh2"],
  banner: { js: requireBanner },
  logLevel: "error",
} as const satisfies BuildOptions;
