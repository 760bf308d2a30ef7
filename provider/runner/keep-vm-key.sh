#!/bin/sh
# Keeps the public host key of a domain on its hypervisor. usage: keep-vm-key.sh DOMAIN KEY [alone]
# `alone`: in the place of all that are kept of that domain, instead of beside them.
set -eu
keys=/etc/holdfast/vm-host-keys
(umask 022 && mkdir -p "$keys")
if [ "${3:-}" = alone ]; then
  echo "$2" >"$keys/$1"
elif ! grep -qxF "$2" "$keys/$1" 2>/dev/null; then
  echo "$2" >>"$keys/$1"
fi
sync -d "$keys"/* 2>/dev/null || sync
