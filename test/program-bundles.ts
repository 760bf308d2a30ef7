/**
 * The bundles of the programs and of `holdfast`, made before the first test: the clones that tests run Pulumi in are copies of
 * this checkout, and each would make them for itself otherwise.
 */
import { join } from "node:path";
import { bundleProgram } from "../components/program/bundle.ts";
import { freshBundle } from "../components/program/start.js";

const checkout = join(import.meta.dirname, "..");

/** Called by vitest before its workers start. */
export async function setup(): Promise<void> {
  for (const program of ["cli", "foundation", "ops-runner", "platform-vm", "runners", "template-image"]) {
    const directory = join(checkout, program);
    if (freshBundle(directory) === undefined)
      await bundleProgram(directory, program === "cli" ? "main.ts" : "index.ts");
  }
}
