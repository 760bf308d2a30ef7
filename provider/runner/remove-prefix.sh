#!/bin/sh
# Removes what holdfast made below a prefix, and prints what else is there. usage: remove-prefix.sh PREFIX MARKER STAGE RELEASES CURRENT
set -eu
prefix=$1 marker=$2
shift 2
rm -rf "$@"
# The marker last: a removal that is cut off still knows whose the rest is.
rm -f "$marker"
rmdir --ignore-fail-on-non-empty "$prefix" "$(dirname "$prefix")"
ls -A "$prefix" 2>/dev/null || true
