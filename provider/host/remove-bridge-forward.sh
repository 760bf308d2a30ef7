#!/bin/sh
# Takes the bridge rule away from an owner, and with the last one all that it needs. usage: remove-bridge-forward.sh BRIDGE OWNER
set -eu
owners=/etc/holdfast/bridge-forward.d program=/usr/local/lib/holdfast/bridge-forward
rm -f "$owners/$2"
if ! grep -rqxF "$1" "$owners" 2>/dev/null; then "$program" remove "$1"; fi
if [ -z "$(ls -A "$owners" 2>/dev/null)" ]; then
  systemctl disable --now libvirt-bridge-forward.timer 2>/dev/null || true
  rm -rf /etc/systemd/system/libvirt-bridge-forward.service /etc/systemd/system/libvirt-bridge-forward.timer "$program" "$owners"
  rmdir /etc/holdfast /usr/local/lib/holdfast 2>/dev/null || true
  systemctl daemon-reload
fi
