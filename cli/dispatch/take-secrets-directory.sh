#!/bin/sh
# Makes the directory for secrets of a user's jobs. Where anybody may make it, it counts only if it is the user's alone.
# usage: take-secrets-directory.sh DIRECTORY USER
if mkdir -m 0700 "$1" 2>/dev/null && chown "$2:" "$1"; then exit 0; fi
if [ ! -L "$1" ] && [ "$(stat -c '%U %a' "$1")" = "$2 700" ]; then exit 0; fi
echo "$1 is not of $2 alone" >&2
exit 1
