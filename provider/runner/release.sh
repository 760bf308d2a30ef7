#!/bin/sh
# A release on an operations runner.
# usage: release.sh intact HOME                 whether every file of it is as it was packed
#        release.sh unpack ARCHIVE STAGE HOME   unpacks it, in the place of whatever is there, if it is what was packed
set -eu

check_manifest() { [ -s MANIFEST ] && sha256sum --check --strict --quiet MANIFEST >&2; }

unpack() {
  archive=$1 stage=$2 home=$3
  # A directory of its own: what a run that was cut off left at work there goes on with its own.
  work=$(mktemp -d "$stage/unpacking.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  chmod 0755 "$work"
  tar -xzpf "$archive" --no-same-owner -C "$work"
  cd "$work"
  if [ ! -f MANIFEST ] || [ ! -x bin/holdfast ]; then
    echo 'this archive is no release of holdfast: make one with holdfast release build' >&2
    exit 1
  fi
  check_manifest
  cd /
  rm -rf "${home:?}"
  mv -T "$work" "$home"
  rm -f "$archive"
}

case $1 in
  intact)
    cd "$2" 2>/dev/null || exit 1
    check_manifest
    ;;
  unpack) unpack "$2" "$3" "$4" ;;
  *) echo "usage: release.sh intact HOME | unpack ARCHIVE STAGE HOME" >&2; exit 2 ;;
esac
