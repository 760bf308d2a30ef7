#!/bin/sh
# Removes those of these domains that are there and ours, without their disks, and prints their names.
# usage: remove-interrupted.sh OWNER_MARK DOMAIN...
mark=$1
shift
for domain; do
  virsh dumpxml --inactive "$domain" 2>/dev/null | grep -qF "$mark" || continue
  virsh destroy "$domain" >/dev/null 2>&1
  virsh undefine --managed-save "$domain" >/dev/null || exit 1
  echo "$domain"
done
