#!/bin/sh
# Pulumi as this release pins it, with the plugins that are in it.
# shellcheck source-path=SCRIPTDIR source=environment.sh
. "$(dirname "$(readlink -f "$0")")/environment"
# Pulumi writes to its home, which the release is not for: each user has one, with links to the plugins.
if [ -z "${PULUMI_HOME:-}" ]; then
  PULUMI_HOME="${XDG_CACHE_HOME:-$HOME/.cache}/holdfast/pulumi"
  export PULUMI_HOME
  for plugin in "$release/plugins"/*/*; do
    [ -e "$plugin" ] || continue
    link="$PULUMI_HOME/plugins/$(basename "$(dirname "$plugin")")/$(basename "$plugin")"
    [ "$(readlink "$link")" = "$plugin" ] || { mkdir -p "$(dirname "$link")" && ln -sfn "$plugin" "$link"; }
  done
fi
export PULUMI_SKIP_UPDATE_CHECK=1 PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
export PATH="$release/engine/bin:$PATH"
exec "$release/engine/bin/pulumi" "$@"
