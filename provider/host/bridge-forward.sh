#!/bin/sh
# Written by holdfast. Lets frames cross the VM bridges although FORWARD drops; called every 60 s, because
# kube-router flushes iptables on resync. One file per owner in /etc/holdfast/bridge-forward.d names a bridge.
set -eu

# Commands that manage an iptables filter table of this host. The legacy tables count only where they are in use.
tables() {
  for family in ip ip6; do
    # IPv6 may be switched off: then nothing of it is dropped either.
    [ "$family" = ip ] || [ -e /proc/net/if_inet6 ] || continue
    if command -v "${family}tables-nft" >/dev/null; then
      echo "${family}tables-nft"
      if command -v "${family}tables-legacy" >/dev/null && grep -qx filter "/proc/net/${family}_tables_names" 2>/dev/null; then
        echo "${family}tables-legacy"
      fi
    elif command -v "${family}tables" >/dev/null; then
      echo "${family}tables"
    fi
  done
}

# Chains of nftables' own that drop what they forward, as FAMILY TABLE CHAIN. What iptables manages is left out.
chains() {
  command -v nft >/dev/null || return 0
  nft list chains 2>/dev/null | awk '
    $1 == "table" { table = $2 " " $3 }
    $1 == "chain" { chain = $2 }
    /hook forward/ && /policy drop/ && table ~ /^(inet|ip|ip6) / && !(table ~ /^ip6? filter$/ && chain == "FORWARD") {
      print table, chain
    }'
}

bridges() { cat /etc/holdfast/bridge-forward.d/* 2>/dev/null | sort -u; }
# Only frames that are bridged, and only across this bridge. $1: the table's command; $2: what it does with the rule; $3: the bridge.
rule() { "$1" -w 5 "$2" FORWARD -i "$3" -o "$3" -m physdev --physdev-is-bridged -j ACCEPT; }
comment() { echo "\"holdfast bridge-forward $1\""; }

assert() {
  for table in $(tables); do
    rule "$table" -C "$1" 2>/dev/null || rule "$table" -I "$1"
  done
  chains | while read -r family table chain; do
    nft list chain "$family" "$table" "$chain" | grep -qF "$(comment "$1")" ||
      nft insert rule "$family" "$table" "$chain" iifname "$1" oifname "$1" accept comment "$(comment "$1")"
  done
}

check() {
  for table in $(tables); do rule "$table" -C "$1" 2>/dev/null || exit 1; done
  chains | while read -r family table chain; do
    nft list chain "$family" "$table" "$chain" | grep -qF "$(comment "$1")" || exit 1
  done
}

remove() {
  for table in $(tables); do
    while rule "$table" -D "$1" 2>/dev/null; do :; done
  done
  chains | while read -r family table chain; do
    nft -a list chain "$family" "$table" "$chain" | sed -n "s/.*$(comment "$1") # handle //p" | while read -r handle; do
      nft delete rule "$family" "$table" "$chain" handle "$handle"
    done
  done
}

case ${1:-assert} in
  assert) for bridge in $(bridges); do assert "$bridge"; done ;;
  check) check "$2" ;;
  remove) remove "$2" ;;
  *) echo "usage: bridge-forward [check BRIDGE | remove BRIDGE]" >&2; exit 2 ;;
esac
