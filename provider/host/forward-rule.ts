/**
 * The rule that lets frames cross a bridge although the host's firewall drops everything it forwards.
 *
 * On a k3s node kube-router sets `FORWARD` to DROP and loads br_netfilter, which sends bridged frames through iptables:
 * VM-to-LAN traffic dies. kube-router also flushes iptables on every resync, so the rule is put back by a timer.
 */
import { shellScript } from "../../lib/shell.ts";

/** Seconds between two looks at the rule. */
export const reassertSeconds = 60;

/** Name of the timer unit on the host. */
export const timerName = "libvirt-bridge-forward.timer";

/** Script that holds one file for every owner of the rule: the last one to leave takes it away. */
export const scriptPath = "/usr/local/lib/holdfast/bridge-forward";

/** One file for each owner, holding the bridge that it wants opened. */
export const ownersDirectory = "/etc/holdfast/bridge-forward.d";

/**
 * The script: without an argument it puts the rule of every owner's bridge into every table that may drop its frames;
 * `check BRIDGE` fails when one lacks it; `remove BRIDGE` takes it out of all.
 *
 * A frame must be let through by each of them, for a drop in one is final: iptables in the back end that kube-router uses
 * (nft or legacy: whichever holds a filter table), and chains of nftables' own that forward nothing by default.
 */
export const bridgeForwardScript = shellScript(import.meta.dirname, "bridge-forward.sh");

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
