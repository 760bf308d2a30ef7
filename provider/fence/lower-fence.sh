#!/bin/sh
# Takes a fence away, and with the last one everything that fences need. usage: lower-fence.sh OWNER
set -u
fences=/etc/holdfast/egress-fence.d program=/usr/local/lib/holdfast/egress-fence units=/etc/systemd/system/holdfast-egress-fence
if [ -x "$program" ]; then "$program" unload "$1" || exit 1; fi
rm -rf "${fences:?}/${1:?}"
if [ -z "$(ls -A "$fences" 2>/dev/null)" ]; then
  systemctl disable --quiet --now holdfast-egress-fence.timer holdfast-egress-fence.service 2>/dev/null || true
  rm -rf "$fences" "$program" /etc/libvirt/hooks/qemu.d/holdfast-egress-fence "$units.service" "$units.timer"
  # Taps of VMs that are to stay open are remembered for as long as there are any.
  [ -n "$(ls -d /sys/class/net/hf* 2>/dev/null)" ] || rm -f /etc/holdfast/open-taps
  rmdir /etc/libvirt/hooks/qemu.d /etc/holdfast /usr/local/lib/holdfast 2>/dev/null || true
  systemctl daemon-reload
fi
