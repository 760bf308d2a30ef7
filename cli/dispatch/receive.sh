#!/bin/sh
# Takes a job's files: a copy of a release's programs, and over it what standard input brings (.tar.gz).
# usage: receive.sh DIRECTORY PROGRAMS
set -eu
umask 077
# What an earlier attempt left is not mixed with this one.
rm -rf "${1:?}"
mkdir -p "$1/holdfast"
tar -C "$2" --exclude=./node_modules -cf - . | tar -C "$1/holdfast" --no-same-permissions -xf -
ln -s "$2/node_modules" "$1/holdfast/node_modules"
tar -C "$1" -xzf -
