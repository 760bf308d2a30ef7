#!/bin/sh
# The command holdfast of this release.
# shellcheck source-path=SCRIPTDIR source=environment.sh
. "$(dirname "$(readlink -f "$0")")/environment"
exec "$release/node/bin/node" "$release/holdfast/cli/holdfast.js" "$@"
