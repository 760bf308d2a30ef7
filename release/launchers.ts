/**
 * The commands of a release: small scripts that find their release by their own place and run what it holds, with its own
 * Node.js and its own pinned tools, whoever calls them and by whatever link.
 */
import { join } from "node:path";
import type { ReleaseEntry } from "../lib/release/format.ts";
import { shellScript } from "../lib/shell.ts";

/** Where things are in a release; its commands know these places, too. */
export const places = {
  /** The programs, laid out as in a checkout. */
  checkout: "holdfast",
  node: "node/bin/node",
  /** Components by name and digest, as in the cache of a workstation. */
  toolchain: "toolchain",
  /** Leads to the engine among them. */
  engine: "engine",
  /** Plugins as Pulumi lays them out below its home. */
  plugins: "plugins",
} as const;

const launcher = (name: string) => shellScript(join(import.meta.dirname, "launchers"), `${name}.sh`).text;

/**
 * The commands.
 * @param engine place of the engine below the release's toolchain, for example `pulumi/014d056d861565ea`.
 */
export function launcherEntries(engine: string): ReleaseEntry[] {
  return [
    { path: "bin/environment", text: launcher("environment"), executable: false },
    { path: "bin/holdfast", text: launcher("holdfast"), executable: true },
    { path: "bin/pulumi", text: launcher("pulumi"), executable: true },
    { path: places.engine, linkTo: `${places.toolchain}/${engine}` },
  ];
}
