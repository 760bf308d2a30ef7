/**
 * Makes one file of the plugin and of what it imports. The engine starts the plugin twice in every preview, and loading two
 * hundred modules through tsx took it 0.6 s each time; from one file it takes 0.2 s. `pulumi-resource-holdfast` calls this
 * whenever a source is newer than the file.
 *
 *     node --import tsx provider/bundle.ts ENTRY FILE
 */
import { renameSync, rmSync, utimesSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { build } from "esbuild";
import { bundleOptions } from "./bundle-options.ts";

const [entry, file] = process.argv.slice(2);
if (!entry || !file) throw new Error("usage: bundle.ts ENTRY FILE");
// Whole or not at all: two engines may start at once.
const half = `${file}.${process.pid}`;
const began = new Date();
try {
  await build({
    entryPoints: [entry],
    outfile: half,
    ...bundleOptions(dirname(resolve(file))),
  });
  // A source that is changed while this reads it is newer.
  utimesSync(half, began, began);
  renameSync(half, file);
} finally {
  rmSync(half, { force: true });
}
