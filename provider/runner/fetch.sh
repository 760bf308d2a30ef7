#!/bin/sh
# Fetches a file with what the machine has. usage: fetch.sh URL FILE
rm -f "$2"
if command -v curl >/dev/null; then
  curl --fail --silent --show-error --location --connect-timeout 15 --output "$2" "$1"
elif command -v wget >/dev/null; then
  wget --no-verbose --timeout=15 --tries=1 --output-document="$2" "$1"
else
  echo 'it has neither curl nor wget' >&2
  exit 1
fi
