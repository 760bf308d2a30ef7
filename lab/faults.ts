/**
 * Faults that the lab injects into a host, each one that was seen on a real one.
 */
import { shellScript } from "../lib/shell.ts";
import type { SeedFile } from "./root-system.ts";

/** What a fault needs of a host. */
export interface FaultyHost {
  exec(command: string, args?: readonly string[]): Promise<unknown>;
}

const script = shellScript(import.meta.dirname, "kube-router-stand-in.sh");

const unit = `[Unit]
Description=Stand-in for kube-router (holdfast lab)
After=systemd-sysctl.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/kube-router-stand-in
[Install]
WantedBy=multi-user.target
`;

/** The files that reproduce the kube-router fault at every boot of a host. */
export function kubeRouterUnit(): SeedFile[] {
  const path = "etc/systemd/system/kube-router-stand-in.service";
  return [
    { path: "usr/local/sbin/kube-router-stand-in", text: script.text, mode: 0o755 },
    { path, text: unit },
    { path: "etc/systemd/system/multi-user.target.wants/kube-router-stand-in.service", linkTo: `/${path}` },
  ];
}

/**
 * The crunchy01 fault, now: `bridge-nf-call-iptables=1` and a `FORWARD` policy of DROP, inside the host only, so that
 * its VMs reach nothing. Rules that others had put into `FORWARD` are flushed. Every lab host boots with it.
 */
export async function kubeRouter(host: FaultyHost): Promise<void> {
  await host.exec("/usr/local/sbin/kube-router-stand-in");
}

/** Takes the kube-router fault away until the next boot. */
export async function liftKubeRouter(host: FaultyHost): Promise<void> {
  await host.exec("iptables", ["-P", "FORWARD", "ACCEPT"]);
  await host.exec("sysctl", ["-q", "-w", "net.bridge.bridge-nf-call-iptables=0"]);
}
