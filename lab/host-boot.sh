#!/usr/bin/env bash
# Boots a root file system in the mount, process, host name and IPC namespaces that the caller made for it: an overlay
# over a shared image, with devices of its own, and then what is to be its process 1.
# usage: host-boot.sh IMAGE DIR NAME COMMAND [ARG...]
# DIR holds up/ (what the host has written: its disk), work/ and root/. BINDS: "FROM TO" lines to mount into the root.
# KVM=1 gives it /dev/kvm.
set -euo pipefail
image=$1 directory=$2 name=$3
shift 3
root=$directory/root

mount -t overlay overlay -o "lowerdir=$image,upperdir=$directory/up,workdir=$directory/work" "$root" || {
  echo "holdfast: no overlay is possible over $(stat -f -c %T "$directory") in $directory"
  exit 75
}
hostname "$name"

mount -t proc proc "$root/proc"
# The network's settings are the host's own; all others are the machine's, and not for a host to change.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t tmpfs -o mode=755 dev "$root/dev"
mkdir -p "$root"/dev/{pts,shm,net,mqueue} "$root/run/sshd" # sshd alone, without systemd, does not make its own
mount -t tmpfs -o mode=1777,nosuid,nodev shm "$root/dev/shm"

# Nodes of its own: a bind mount of the machine's would let systemd-tmpfiles change their owners outside, too.
node() { mknod -m "$2" "$root/dev/$1" c "$3" "$4"; }
node null 666 1 3
node zero 666 1 5
node full 666 1 7
node random 666 1 8
node urandom 666 1 9
node tty 666 5 0
node net/tun 666 10 200
node fuse 666 10 229
if [ "${KVM:-0}" = 1 ]; then
  node kvm 660 10 232
  chroot "$root" chgrp kvm /dev/kvm
fi
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${stream%:*}" "$root/dev/${stream#*:}"; done

while read -r from to; do
  [ -n "$from" ] || continue
  mkdir -p "$root$to"
  mount --bind "$from" "$root$to"
done <<<"${BINDS:-}"

# `modprobe br_netfilter` must succeed as on a real host: what the machine's kernel has counts as built in.
modules=$root/usr/lib/modules/$(uname -r)
if [ ! -e "$modules" ]; then
  mkdir -p "$modules"
  printf 'kernel/%s.ko\n' net/bridge/bridge net/bridge/br_netfilter net/netfilter/xt_physdev drivers/net/tun \
    >"$modules/modules.builtin"
  : >"$modules/modules.order"
  chroot "$root" depmod || true
fi

mkdir -p "$root/oldroot"
cd "$root"
pivot_root . oldroot
umount -l /oldroot
exec env -i container=holdfast-lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
