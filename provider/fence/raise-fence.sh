#!/bin/sh
# Puts the files of a fence in force, and keeps it so across reboots. usage: raise-fence.sh OWNER bridge|vm
set -eu
# One reload: on an emulated VM each takes a second, and `enable` makes one more.
systemctl enable --quiet --no-reload holdfast-egress-fence.service holdfast-egress-fence.timer
systemctl daemon-reload
systemctl start holdfast-egress-fence.timer
/usr/local/lib/holdfast/egress-fence raise "$1"
[ "$2" = bridge ] || exit 0
# libvirt looks for hooks when it starts or is told to reload, which disturbs no VM and no connection.
for daemon in libvirtd virtqemud; do
  if systemctl is-active --quiet "$daemon"; then systemctl reload "$daemon"; fi
done
