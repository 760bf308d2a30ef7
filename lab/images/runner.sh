#!/usr/bin/env bash
# Builds the file system of the runner's container image: the lab's stand-in for forgejo-runner on the least Debian 13
# that runs it. What the image's configuration says (user, command) is in oci.ts.
# usage: runner.sh MIRROR WORK OUT    WORK: an empty directory of ours; OUT: a directory, which must not exist yet,
# for layer.tar. The same packages give the same bytes.
set -euo pipefail
mirror=$1 work=$2 out=$3
root=$work/rootfs

TMPDIR=$work mmdebstrap --mode=root --variant=essential --skip=check/empty \
  --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --include=python3-yaml trixie "$root" "$mirror"

# On the search path, and where the official image has it.
install -m 0755 "$(dirname "$0")/../stand-ins/forgejo-runner" "$root/bin/forgejo-runner"
mkdir "$root/data"

# Neither Perl nor packages are needed in it: a third less to pull and unpack in an emulated VM.
rm -rf "$root"/{boot,dev,home,media,mnt,opt,proc,run,srv,sys,tmp,var}/* "$root/var/lib/dpkg" "$root/etc/apt" \
  "$root"/usr/lib/*/{gconv,perl-base} "$root"/usr/bin/*perl* "$root"/usr/bin/{apt,dpkg,deb-}* \
  "$root"/usr/share/{doc,info,lintian,man,perl5,zoneinfo} "$root"/usr/lib/python3.*/{ensurepip,idlelib,pydoc_data,test}
mkdir -m 1777 "$root/var/tmp"
: >"$root/etc/machine-id"
# By their sources' digest, not by their time: all times are the same in the layer. Without it every start compiles.
chroot "$root" sh -c 'python3 -m compileall -q -f --invalidation-mode unchecked-hash /usr/lib/python3 /usr/lib/python3.*'

mkdir "$out"
tar --directory "$root" --create --file "$out/layer.tar" --sort=name --mtime=@0 --numeric-owner --format=gnu .
