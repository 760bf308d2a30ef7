/**
 * The commands of a release: small scripts that find their release by their own place and run what it holds, with its own
 * Node.js and its own pinned tools, whoever calls them and by whatever link.
 */
import type { ReleaseEntry } from "../lib/release/format.ts";

/** Where things are in a release. */
export const places = {
  /** The programs, laid out as in a checkout. */
  checkout: "holdfast",
  node: "node/bin/node",
  /** Components by name and digest, as in the cache of a workstation. */
  toolchain: "toolchain",
  /** Plugins as Pulumi lays them out below its home. */
  plugins: "plugins",
} as const;

const environment = `# Read by the commands beside it: what they share.
release=$(dirname "$(dirname "$(readlink -f "$0")")")
export PATH="$release/bin:$release/${places.node.replace(/\/node$/, "")}:$PATH"
export HOLDFAST_TOOLCHAIN="$release/${places.toolchain}"
`;

const holdfast = `#!/bin/sh
# The command holdfast of this release.
. "$(dirname "$(readlink -f "$0")")/environment"
exec "$release/${places.node}" "$release/${places.checkout}/cli/holdfast.js" "$@"
`;

/** Pulumi writes to its home, which the release is not for: each user has one, with links to the plugins. */
const pulumi = (engine: string) => `#!/bin/sh
# Pulumi as this release pins it, with the plugins that are in it.
. "$(dirname "$(readlink -f "$0")")/environment"
if [ -z "\${PULUMI_HOME:-}" ]; then
  PULUMI_HOME="\${XDG_CACHE_HOME:-$HOME/.cache}/holdfast/pulumi"
  export PULUMI_HOME
  for plugin in "$release/${places.plugins}"/*/*; do
    [ -e "$plugin" ] || continue
    link="$PULUMI_HOME/plugins/$(basename "$(dirname "$plugin")")/$(basename "$plugin")"
    [ "$(readlink "$link")" = "$plugin" ] || { mkdir -p "$(dirname "$link")" && ln -sfn "$plugin" "$link"; }
  done
fi
export PULUMI_SKIP_UPDATE_CHECK=1 PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
export PATH="$release/${places.toolchain}/${engine}/bin:$PATH"
exec "$release/${places.toolchain}/${engine}/bin/pulumi" "$@"
`;

/**
 * The commands.
 * @param engine place of the engine below the release's toolchain, for example `pulumi/014d056d861565ea`.
 */
export function launcherEntries(engine: string): ReleaseEntry[] {
  return [
    { path: "bin/environment", text: environment, executable: false },
    { path: "bin/holdfast", text: holdfast, executable: true },
    { path: "bin/pulumi", text: pulumi(engine), executable: true },
  ];
}
