#!/bin/sh
# Looks around on a runner: home, user, release in use, file systems of some directories, the release's list of its files.
# usage: look.sh PREFIX DIRECTORY...
current=$1/current
shift
printf '%s\n' "$HOME" "$(id -un)" "$(readlink -f "$current")"
for directory; do printf '%s ' "$(stat -f -c %T "$directory" 2>/dev/null || echo none)"; done
echo
cat "$current/MANIFEST" 2>/dev/null || true
