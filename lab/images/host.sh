#!/usr/bin/env bash
# Builds the root file system of a lab host: Debian 13 with systemd, libvirt, QEMU and sshd, as a directory tree.
# usage: host.sh MIRROR WORK OUT    WORK: an empty directory of ours; OUT: the tree, which must not exist yet.
# The caller runs it in a mount and process namespace of its own, so that a killed build leaves no mount behind.
set -euo pipefail
mirror=$1 work=$2 out=$3

# The package list of a real host of the site (libvirt 11, QEMU 10), so that preparing it finds everything installed
# without any network, and what the lab itself runs there: sshd, python3 with YAML for the stand-ins. NetBox, beside the
# hosts, is run by this Python too, and installed with this pip (lab/netbox/software.ts).
packages=(
  systemd-sysv dbus udev kmod openssh-server sudo ca-certificates procps less curl python3 python3-yaml
  python3-pip-whl
  iproute2 iptables nftables netcat-openbsd bridge-utils dnsmasq
  qemu-kvm qemu-utils libvirt-daemon-system libvirt-clients virtinst cloud-image-utils genisoimage
)

TMPDIR=$work mmdebstrap --mode=root --variant=minbase --skip=check/empty \
  --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --include="$(IFS=,; echo "${packages[*]}")" trixie "$out" "$mirror"

# An empty source list: `apt-get update` succeeds at once, offline.
: >"$out/etc/apt/sources.list"
rm -rf "$out"/etc/apt/sources.list.d/* "$out"/var/cache/apt/*.bin "$out"/var/lib/apt/lists/*
# Identity belongs to a host, not to the image: keys and machine id are made per site.
rm -f "$out"/etc/ssh/ssh_host_*key* "$out"/etc/machine-id "$out"/var/lib/dbus/machine-id
# libvirt's own NAT network would answer DHCP on an address range that a machine may use itself.
rm -f "$out"/etc/libvirt/qemu/networks/autostart/default.xml "$out"/etc/libvirt/qemu/networks/default.xml

# What would manage devices, the network, the clock or package lists of the machine below, or waits for a console.
masked=(
  systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket
  systemd-networkd.service systemd-logind.service systemd-timesyncd.service systemd-firstboot.service
  systemd-modules-load.service getty@tty1.service console-getty.service dnsmasq.service apparmor.service
  apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer
)
for unit in "${masked[@]}"; do ln -sf /dev/null "$out/etc/systemd/system/$unit"; done
