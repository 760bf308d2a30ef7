/**
 * The bundles of the programs, of `holdfast` and of the plugin, made before the first test: the clones that tests run Pulumi in
 * are copies of this checkout, and each would make them for itself otherwise.
 */
import { join } from "node:path";
import { execa } from "execa";
import { projectNames } from "../cli/projects.ts";
import { bundleProgram } from "../lib/program/bundle.ts";
import { freshBundle } from "../lib/program/start.js";

const shipped = ["cli", ...projectNames];
const forTests = ["consumer", "labels", "proxmox-bare", "proxmox-clones", "registration"].map(
  (name) => `test/engine/programs/${name}`,
);
const checkout = join(import.meta.dirname, "..");

/** Called by vitest before its workers start. */
export async function setup(): Promise<void> {
  for (const program of [...shipped, ...forTests]) {
    const directory = join(checkout, program);
    if (freshBundle(directory) === undefined)
      await bundleProgram(directory, program === "cli" ? "main.ts" : "index.ts");
  }
  await bundlePlugin();
}

/** The plugin makes its own when it is started; the port that it prints then is of no use here. */
async function bundlePlugin(): Promise<void> {
  const plugin = execa(join(checkout, "provider", "pulumi-resource-holdfast"), {
    ...{ reject: false, stdin: "ignore" },
    // Where it does not answer, the tests that start it say why.
    timeout: 120_000,
  });
  plugin.stdout.once("data", () => plugin.kill());
  await plugin;
}
