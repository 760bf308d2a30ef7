#!/bin/sh
# What a boot and a login give a user on a real machine: a home that is its own, and a tmpfs that nobody else can read.
# usage: own-places.sh USER ID RUNTIME_DIRECTORY
set -e
chown -R "$2:$2" "/home/$1"
(umask 022 && mkdir -p /run/user)
mkdir "$3"
mount -t tmpfs -o "mode=700,uid=$2,gid=$2,nosuid,nodev,size=10%" tmpfs "$3"
