/**
 * The programs' bundles, made before the first test: the clones that tests run Pulumi in are copies of this checkout, and each
 * would make them for itself otherwise.
 */
import { join } from "node:path";
import { bundleProgram } from "../components/program/bundle.ts";
import { freshBundle } from "../components/program/start.js";

const checkout = join(import.meta.dirname, "..");

/** Called by vitest before its workers start. */
export async function setup(): Promise<void> {
  for (const project of ["foundation", "ops-runner", "platform-vm", "runners", "template-image"]) {
    const directory = join(checkout, project);
    if (freshBundle(directory) === undefined) await bundleProgram(directory);
  }
}
