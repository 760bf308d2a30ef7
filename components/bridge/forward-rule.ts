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

/** Puts the rule of every owner's bridge at the top of its chain, unless it is there already. */
export function script(): string {
  return `#!/bin/sh
# Written by holdfast. Lets frames cross the VM bridges although FORWARD drops; called every ${reassertSeconds} s, because
# kube-router flushes iptables on resync. One file per owner in ${ownersDirectory} names a bridge.
set -eu
for tables in iptables ip6tables; do
  # IPv6 may be switched off: then nothing of it is dropped either.
  [ "$tables" = iptables ] || "$tables" -w 5 -nL FORWARD >/dev/null 2>&1 || continue
  cat ${ownersDirectory}/* 2>/dev/null | sort -u | while read -r bridge; do
    set -- FORWARD -i "$bridge" -o "$bridge" -m physdev --physdev-is-bridged -j ACCEPT
    "$tables" -w 5 -C "$@" 2>/dev/null || "$tables" -w 5 -I "$@"
  done
done
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
