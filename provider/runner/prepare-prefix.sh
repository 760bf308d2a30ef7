#!/bin/sh
# Makes the directories of a toolchain what they should be, whatever became of them: an attempt that was cut off, or a hand.
# usage: prepare-prefix.sh PREFIX RELEASES STAGE
set -eu
(umask 022 && mkdir -p "$2")
mkdir -p "$3"
chown root:root "$1" "$2" "$3"
chmod 0755 "$1" "$2"
chmod 0700 "$3"
