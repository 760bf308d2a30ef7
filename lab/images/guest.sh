#!/usr/bin/env bash
# Builds the guest image: a bootable Debian 13 cloud image (BIOS, GPT, ext4; cloud-init, netplan, sshd, guest agent,
# docker), without loop devices and without mounting the image.
# usage: guest.sh MIRROR WORK OUT    WORK: an empty directory of ours; OUT: a directory, which must not exist yet,
# for guest.qcow2 and, for the lab's own KVM probe, vmlinuz and initrd.
set -euo pipefail
mirror=$1 work=$2 out=$3
root=$work/rootfs disk=$work/disk.raw
disk_sectors=$((3 * 1024 * 1024 * 2)) core_sector=2048 root_sector=4096
root_sectors=$((disk_sectors - root_sector - 2048))

# docker.io and the agent are baked in, so that `packages: [docker.io, qemu-guest-agent]` succeeds without a network.
packages=(
  systemd-sysv systemd-resolved dbus udev kmod linux-image-cloud-amd64 tiny-initramfs procps sudo ca-certificates
  cloud-init cloud-guest-utils netplan.io openssh-server qemu-guest-agent python3-yaml curl
  iproute2 iptables nftables iputils-ping e2fsprogs fdisk docker.io docker-cli
)
masked=(
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
  man-db.timer systemd-timesyncd.service systemd-pstore.service systemd-binfmt.service getty@tty1.service
  console-setup.service keyboard-setup.service
  # Every unit that starts something takes an emulated guest a tenth of a second.
  dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount sys-fs-fuse-connections.mount
  sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount systemd-ask-password-console.path
  systemd-ask-password-wall.path systemd-journal-flush.service systemd-modules-load.service systemd-random-seed.service
  systemd-networkd-persistent-storage.service systemd-udev-load-credentials.service kmod-static-nodes.service
)

# They run at boot and at every reload of systemd, for hardware and files that the guest does not have.
needless_generators=(
  systemd-debug-generator systemd-gpt-auto-generator systemd-hibernate-resume-generator systemd-rc-local-generator
  systemd-run-generator systemd-ssh-generator systemd-system-update-generator systemd-sysv-generator systemd-tpm2-generator
)
# What udev is told of at boot, and which of its rules look at it: every device that exists takes an emulated guest 20 ms, and a
# tenth of its boot is devices that nobody waits for.
coldplugged=(block net pci virtio virtio-ports)
needless_rules=(
  60-autosuspend 60-cdrom_id 60-dmi-id 60-drm 60-evdev 60-fido-id 60-infiniband 60-input-id 60-persistent-alsa
  60-persistent-input 60-persistent-storage-mtd 60-persistent-storage-tape 60-persistent-v4l 60-sensor 64-btrfs
  66-azure-ephemeral 70-camera 70-joystick 70-memory 70-mouse 70-power-switch 70-touchpad 70-uaccess 71-seat 73-seat-late
  75-probe_mtd 78-sound-card 90-iocost 96-e2scrub
)
needless_drivers=(ata_piix pata_acpi cirrus_qemu cirrus drm floppy i2c_piix4 pcspkr psmouse sr_mod uhci_hcd usbcore virtio_balloon)

# For emulation: reading the HPET, which the kernel falls back to where a CPU does not promise a steady TSC, costs a guest an
# exit for every look at the clock; so does every character on the serial console. Half of a boot is spent in the kernel: what it
# does there for hardening (nine security modules, checks of every copy and every system call) is nobody's need in the lab.
# A user's own image need not have them.
emulated='tsc=reliable clocksource=tsc hpet=disable mitigations=off nowatchdog quiet systemd.show_status=no audit=0 init_on_alloc=0'
emulated+=' lsm=capability psi=0 randomize_kstack_offset=off hardened_usercopy=off cryptomgr.notests nokaslr rcupdate.rcu_expedited=1'

make_root() {
  TMPDIR=$work mmdebstrap --mode=root --variant=minbase --skip=check/empty \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/i18n/*' \
    --include="$(IFS=,; echo "${packages[*]}")" trixie "$root" "$mirror"
}

# Identity is made at first boot; nothing may wait for a network or for hardware that a guest does not have.
settle_root() {
  echo "LABEL=root / ext4 defaults,noatime 0 0" >"$root/etc/fstab"
  : >"$root/etc/machine-id"
  rm -f "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_*key*
  echo localhost >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
  ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
  : >"$root/etc/apt/sources.list" # `apt-get update` succeeds at once, offline
  rm -rf "$root"/etc/apt/sources.list.d/*
  # The lab's forge, which is its container registry too, speaks HTTP only. And Gitea 1.26.0 offers Basic beside Bearer, at
  # which docker's own puller gives up without a login (go-gitea/gitea#37378); containerd's, docker 29's default, does not.
  mkdir -p "$root/etc/docker"
  echo '{ "insecure-registries": ["forge.lab:3000"], "features": { "containerd-snapshotter": true } }' \
    >"$root/etc/docker/daemon.json"
  printf '%s\n' 'datasource_list: [ NoCloud, None ]' 'ssh_genkeytypes: [ ed25519 ]' 'manage_etc_hosts: localhost' \
    >"$root/etc/cloud/cloud.cfg.d/90_lab.cfg"
  for unit in "${masked[@]}"; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
  mkdir -p "$root/etc/systemd/system/getty.target.wants" "$root/etc/systemd/system/multi-user.target.wants"
  ln -sf /lib/systemd/system/serial-getty@.service \
    "$root/etc/systemd/system/getty.target.wants/serial-getty@ttyS0.service"
  ln -sf /lib/systemd/system/systemd-networkd.service \
    "$root/etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
  # Docker starts when somebody asks its socket: most guests never do.
  rm -f "$root"/etc/systemd/system/multi-user.target.wants/{docker,containerd}.service
  # A SysV script beside a unit makes every `systemctl enable` reload systemd three times, which takes an emulated guest 2 s each.
  rm -f "$root"/etc/init.d/{docker,qemu-guest-agent,ssh}
  mkdir -p "$root/etc/systemd/system-generators"
  for generator in "${needless_generators[@]}"; do ln -sf /dev/null "$root/etc/systemd/system-generators/$generator"; done
  settle_udev
  printf 'locale: false\n' >>"$root/etc/cloud/cloud.cfg.d/90_lab.cfg"
  printf 'blacklist %s\n' "${needless_drivers[@]}" >"$root/etc/modprobe.d/lab.conf"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root"/boot/initrd.img* \
    "$root"/initrd.img* "$root"/boot/System.map* "$root"/usr/share/{doc,man,info,lintian}/*
  # Newer than everything else: no ldconfig, hwdb or sysusers run at first boot.
  touch -d '+1 second' "$root/etc/.updated" "$root/var/.updated"
}

settle_udev() {
  local trigger="$root/etc/systemd/system/systemd-udev-trigger.service.d" matches=("${coldplugged[@]/#/--subsystem-match=}")
  mkdir -p "$trigger" "$root/etc/udev/rules.d"
  for rule in "${needless_rules[@]}"; do ln -sf /dev/null "$root/etc/udev/rules.d/$rule.rules"; done
  # The serial console's getty waits for its device.
  printf '%s\n' '[Service]' 'ExecStart=' \
    "ExecStart=-udevadm trigger --type=all --action=add --prioritized-subsystem=block,net ${matches[*]}" \
    'ExecStart=-udevadm trigger --action=add --subsystem-match=tty --sysname-match=ttyS0' >"$trigger/lab.conf"
}

# A small initrd of busybox and the virtio disk drivers boots seconds faster under emulation than Debian's own.
make_initrd() {
  local kernel=$1 tree=$work/initrd module file name
  mkdir -p "$tree"/{bin,dev,proc,sys,root,m}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  chroot "$root" /sbin/depmod "$kernel"
  for module in virtio_pci virtio_blk virtio_scsi sd_mod crc32c_generic crc32c-intel; do
    chroot "$root" /sbin/modprobe -S "$kernel" --show-depends "$module" 2>/dev/null || true
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
    name=$(basename "$file")
    case $name in
      *.xz) name=${name%.xz} && xz -dc "$root$file" >"$tree/m/$name" ;;
      *.zst) name=${name%.zst} && zstd -dcq "$root$file" >"$tree/m/$name" ;;
      *) cp "$root$file" "$tree/m/$name" ;;
    esac
    echo "$name" >>"$tree/m/order"
  done
  cp "$(dirname "$0")/guest-init.sh" "$tree/init"
  chmod 755 "$tree/init"
  (cd "$tree" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0) >"$work/initrd.img"
  cp "$work/initrd.img" "$root/boot/initrd.img-$kernel"
}

# Writes bytes, as printf's %b reads them, into a file at an offset.
patch_bytes() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

# GPT with the GRUB core image in a bios_boot partition, and ext4 filled from the tree.
make_disk() {
  local kernel=$1 grub=/usr/lib/grub/i386-pc
  truncate -s $((disk_sectors * 512)) "$disk"
  sfdisk -q "$disk" <<TABLE
label: gpt
start=$core_sector, size=2048, type=21686148-6449-6E6F-744E-656564454649
start=$root_sector, size=$root_sectors, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=root
TABLE
  # Without the two newest ext4 features, which an older GRUB cannot read.
  mke2fs -q -t ext4 -L root -m 1 -O '^metadata_csum_seed,^orphan_file' -d "$root" \
    -E "offset=$((root_sector * 512)),lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0" \
    "$disk" $((root_sectors / 8))
  cat >"$work/grub.cfg" <<CONFIG
set root=(hd0,gpt2)
linux /boot/vmlinuz-$kernel root=LABEL=root ro console=tty0 console=ttyS0,115200 net.ifnames=1 $emulated
initrd /boot/initrd.img-$kernel
boot
CONFIG
  grub-mkimage -O i386-pc -d "$grub" -o "$work/core.img" -p '(hd0,gpt2)/boot/grub' -c "$work/grub.cfg" \
    biosdisk part_gpt ext2 linux serial boot
  # grub-install would want a block device. The three fields that it writes: where the core image begins (sector
  # 2048), no forced boot drive, and where the core image goes on (sector 2049).
  head -c 440 "$grub/boot.img" >"$work/boot.img"
  patch_bytes "$work/boot.img" $((0x5c)) '\x00\x08\x00\x00\x00\x00\x00\x00'
  patch_bytes "$work/boot.img" $((0x66)) '\x90\x90'
  patch_bytes "$work/core.img" $((0x1f4)) '\x01\x08\x00\x00\x00\x00\x00\x00'
  dd if="$work/boot.img" of="$disk" conv=notrunc status=none
  dd if="$work/core.img" of="$disk" bs=512 seek="$core_sector" conv=notrunc status=none
}

make_root
settle_root
kernel=$(find "$root/lib/modules" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -n 1)
make_initrd "$kernel"
make_disk "$kernel"
mkdir "$out"
# Compressed: 3 s more here, 60 % less to copy into the pool of every host.
qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd "$disk" "$out/guest.qcow2"
cp "$root/boot/vmlinuz-$kernel" "$out/vmlinuz"
cp "$work/initrd.img" "$out/initrd"
