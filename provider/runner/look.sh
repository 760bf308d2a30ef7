#!/bin/sh
# What is on an operations runner, as NAME=VALUE lines. usage: look.sh PREFIX MARKER CURRENT DROP_IN SYSTEM_LINK
say() { printf '%s=%s\n' "$1" "$2"; }
if [ -r /etc/os-release ]; then
  # shellcheck source=/dev/null
  (. /etc/os-release && say osId "${ID:-}" && say osVersion "${VERSION:-}" && say osName "${PRETTY_NAME:-}")
fi
say filled "$(find "$1" -mindepth 1 -maxdepth 1 2>/dev/null | head -n 1)"
say marker "$(head -c 4096 "$2" 2>/dev/null)"
[ ! -x "$3/bin/holdfast" ] || say current "$(basename "$(readlink "$3")")"
say link "$(readlink "$5")"
say dropIn "$(sha256sum 2>/dev/null <"$4" | cut -d' ' -f1)"
say dropInHead "$(head -n 1 "$4" 2>/dev/null)"
true
