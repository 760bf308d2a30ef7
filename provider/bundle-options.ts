/**
 * How the plugin and what it imports become one file; for bundle.ts, and for releases, which bring the file along.
 */
import type { BuildOptions } from "esbuild";
import { requireBanner } from "../lib/program/banner.js";
import { places } from "../lib/program/places.ts";

/** @param folder where the file is used, absolute: `.bundle` below provider/. */
export function bundleOptions(folder: string) {
  return {
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    // It looks for native code of its own beside itself.
    external: ["ssh2"],
    plugins: [places(folder)],
    banner: { js: requireBanner },
    logLevel: "error",
  } as const satisfies BuildOptions;
}
