#!/usr/bin/env bash
# Boots a guest's kernel with a host's QEMU under KVM, in a mount namespace of its own. usage: kvm-probe.sh HOST_IMAGE GUEST_IMAGE
set -e
mount -t tmpfs dev "$1/dev"
mknod -m 600 "$1/dev/kvm" c 10 232
mknod -m 666 "$1/dev/null" c 1 3
mknod -m 666 "$1/dev/urandom" c 1 9
mount --bind "$2" "$1/mnt"
exec chroot "$1" qemu-system-x86_64 -M pc -accel kvm -cpu host -m 256 -nodefaults -display none -serial stdio \
  -no-reboot -kernel /mnt/vmlinuz -initrd /mnt/initrd -append "console=ttyS0 panic=-1 root=none"
