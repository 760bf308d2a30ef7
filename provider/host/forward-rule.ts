/**
 * The rule that lets frames cross a bridge although the host's firewall drops everything it forwards: pure text.
 *
 * On a k3s node kube-router sets `FORWARD` to DROP and loads br_netfilter, which sends bridged frames through iptables:
 * VM-to-LAN traffic dies. kube-router also flushes iptables on every resync, so the rule is put back by a timer.
 */

/** Seconds between two looks at the rule. */
export const reassertSeconds = 60;

/** Name of the timer unit on the host. */
export const timerName = "libvirt-bridge-forward.timer";

/** Script that holds one file for every owner of the rule: the last one to leave takes it away. */
export const scriptPath = "/usr/local/lib/holdfast/bridge-forward";

/** One file for each owner, holding the bridge that it wants opened. */
export const ownersDirectory = "/etc/holdfast/bridge-forward.d";

/** Arguments of the rule: only frames that are bridged, and only across this bridge. */
export function ruleArguments(bridge: string): string {
  return `FORWARD -i ${bridge} -o ${bridge} -m physdev --physdev-is-bridged -j ACCEPT`;
}

/**
 * The script: without an argument it puts the rule of every owner's bridge into every table that may drop its frames;
 * `check BRIDGE` fails when one lacks it; `remove BRIDGE` takes it out of all.
 *
 * A frame must be let through by each of them, for a drop in one is final: iptables in the back end that kube-router uses
 * (nft or legacy: whichever holds a filter table), and chains of nftables' own that forward nothing by default.
 */
export function script(): string {
  return `#!/bin/sh
# Written by holdfast. Lets frames cross the VM bridges although FORWARD drops; called every ${reassertSeconds} s, because
# kube-router flushes iptables on resync. One file per owner in ${ownersDirectory} names a bridge.
set -eu

# Commands that manage an iptables filter table of this host. The legacy tables count only where they are in use.
tables() {
  for family in ip ip6; do
    # IPv6 may be switched off: then nothing of it is dropped either.
    [ "$family" = ip ] || [ -e /proc/net/if_inet6 ] || continue
    if command -v "\${family}tables-nft" >/dev/null; then
      echo "\${family}tables-nft"
      if command -v "\${family}tables-legacy" >/dev/null && grep -qx filter "/proc/net/\${family}_tables_names" 2>/dev/null; then
        echo "\${family}tables-legacy"
      fi
    elif command -v "\${family}tables" >/dev/null; then
      echo "\${family}tables"
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

bridges() { cat ${ownersDirectory}/* 2>/dev/null | sort -u; }
rule() { echo "${ruleArguments("$1")}"; }
comment() { echo "\\"holdfast bridge-forward $1\\""; }

assert() {
  for table in $(tables); do
    "$table" -w 5 -C $(rule "$1") 2>/dev/null || "$table" -w 5 -I $(rule "$1")
  done
  chains | while read -r chain; do
    nft list chain $chain | grep -qF "$(comment "$1")" ||
      nft insert rule $chain iifname "$1" oifname "$1" accept comment "$(comment "$1")"
  done
}

check() {
  for table in $(tables); do "$table" -w 5 -C $(rule "$1") 2>/dev/null || exit 1; done
  chains | while read -r chain; do nft list chain $chain | grep -qF "$(comment "$1")" || exit 1; done
}

remove() {
  for table in $(tables); do
    while "$table" -w 5 -D $(rule "$1") 2>/dev/null; do :; done
  done
  chains | while read -r chain; do
    nft -a list chain $chain | sed -n "s/.*$(comment "$1") # handle //p" | while read -r handle; do
      nft delete rule $chain handle "$handle"
    done
  done
}

case \${1:-assert} in
  assert) for bridge in $(bridges); do assert "$bridge"; done ;;
  check) check "$2" ;;
  remove) remove "$2" ;;
esac
`;
}

/** The units that call the script, by path. */
export function units(): Record<string, string> {
  return {
    "/etc/systemd/system/libvirt-bridge-forward.service": `[Unit]
Description=Let frames cross the VM bridges (holdfast)
After=network.target

[Service]
Type=oneshot
ExecStart=${scriptPath}
`,
    // AccuracySec: without it systemd may add up to a minute to every interval.
    "/etc/systemd/system/libvirt-bridge-forward.timer": `[Unit]
Description=Put the bridge rule back every ${reassertSeconds} s (holdfast)

[Timer]
OnBootSec=5s
OnUnitActiveSec=${reassertSeconds}s
AccuracySec=1s

[Install]
WantedBy=timers.target
`,
  };
}
