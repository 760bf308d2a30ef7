#!/bin/busybox sh
# /init of the guest image's initrd: loads the disk drivers, finds the root file system, hands over to systemd.
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
# The lab's KVM probe boots kernel and initrd alone and waits for this line on the serial console.
$b echo "holdfast-guest: kernel runs"
for module in $($b cat /m/order); do $b insmod "/m/$module" 2>/dev/null; done
root='' init=''
for word in $($b cat /proc/cmdline); do
  case $word in
    root=*) root=${word#root=} ;;
    init=*) init=${word#init=} ;;
    *) ;;
  esac
done
tries=0
while [ "$tries" -lt 100 ]; do
  case $root in
    LABEL=* | UUID=*) device=$($b findfs "$root" 2>/dev/null) ;;
    *) device=$root ;;
  esac
  [ -b "$device" ] && break
  $b sleep 0.1
  tries=$((tries + 1))
done
$b mount -o ro,noatime "$device" /root || exec $b sh
$b mount --move /dev /root/dev
$b umount /proc
$b umount /sys
exec $b switch_root /root "${init:-/sbin/init}"
