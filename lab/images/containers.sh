#!/usr/bin/env bash
# Builds the layers of the lab's container images: `base`, the least Debian 13 with Node.js, which jobs run in, and on top
# of it `runner`, with the lab's stand-in for forgejo-runner and the Python that it needs. A VM that has one image has most
# of the other. What the images' configurations say (user, command) is in oci.ts.
# usage: containers.sh MIRROR WORK OUT PROGRAM    WORK: an empty directory of ours; OUT: a directory, which must not exist
# yet, for base.tar, runner.tar and both with .zst; PROGRAM: the stand-in. The same packages give the same bytes.
set -euo pipefail
mirror=$1 work=$2 out=$3 program=$4
root=$work/rootfs runner=$work/runner

TMPDIR=$work mmdebstrap --mode=root --variant=essential --skip=check/empty \
  --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --include=nodejs,python3-yaml trixie "$root" "$mirror"

# What only Python needs is the upper layer.
python=(python3 python3-minimal 'python3.*' 'libpython3*' python3-yaml libyaml-0-2 libexpat1 libffi8 'libncursesw*'
  'libreadline*' readline-common 'libsqlite3*' media-types netbase)
mkdir -p "$runner/usr/bin" "$runner/data"
for package in "${python[@]}"; do
  # shellcheck disable=SC2086 # a name with a star stands for many
  cat "$root"/var/lib/dpkg/info/$package.list "$root"/var/lib/dpkg/info/$package:amd64.list 2>/dev/null || true
done | sort -u | while read -r path; do
  # By the directory that a path of before the merged /usr really is in.
  path=$(realpath -s --relative-to="$root" "$root$(dirname "$path")" 2>/dev/null)/$(basename "$path")
  [ -L "$root/$path" ] || [ -f "$root/$path" ] || continue
  real=$(realpath --relative-to="$root" "$root/$(dirname "$path")")
  mkdir -p "$runner/$real"
  mv "$root/$path" "$runner/$real/"
done
# What compiling them has left behind is made again below.
rm -rf "$root"/usr/lib/python3*

# Neither Perl nor packages are needed in them: a third less to pull and unpack in an emulated VM.
rm -rf "${root:?}"/{boot,dev,home,media,mnt,opt,proc,run,srv,sys,tmp,var}/* "$root/var/lib/dpkg" "$root/etc/apt" \
  "$root"/usr/lib/*/{gconv,perl-base} "$root"/usr/bin/*perl* "$root"/usr/bin/{apt,dpkg,deb-}* \
  "$root"/usr/share/{doc,info,lintian,man,perl5,zoneinfo} \
  "${runner:?}"/usr/share "$runner"/usr/lib/python3.*/{ensurepip,idlelib,pydoc_data,test}
mkdir -m 1777 "$root/var/tmp"
: >"$root/etc/machine-id"
env -u NODE_EXTRA_CA_CERTS chroot "$root" node --version # else it lacks what Node.js needs

# Python, and the program on the search path, where the official image has it.
cp -a "$root" "$work/whole"
cp -a "$runner/." "$work/whole/"
install -m 0755 "$program" "$runner/usr/bin/forgejo-runner" # /bin is a link to it
# By their sources' digest, not by their time: all times are the same in the layer. Without it every start compiles.
chroot "$work/whole" sh -c 'python3 -m compileall -q -f --invalidation-mode unchecked-hash /usr/lib/python3 /usr/lib/python3.*'
cp -a "$work/whole"/usr/lib/python3* "$runner/usr/lib/"

mkdir "$out"
for layer in base:$root runner:$runner; do
  tar --directory "${layer#*:}" --create --file "$out/${layer%%:*}.tar" --sort=name --mtime=@0 --numeric-owner --format=gnu .
  # A fifth less to pull than with gzip.
  zstd -q -12 -T0 "$out/${layer%%:*}.tar"
done
