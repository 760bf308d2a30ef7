/**
 * The Proxmox host of a site, simulated: bridges and a real sshd in a network namespace, and in the same network the
 * simulated API. It forwards nothing: whoever wants to its private bridges logs in on it; VMs on them reach it, API included.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import { Failure } from "../../lib/failure.ts";
import { makeCgroup } from "../cgroups.ts";
import { identityFiles } from "../host.ts";
import { ensureKey } from "../keys.ts";
import { isPluggedIn, plugIn } from "../lan.ts";
import { type Layout, macOf, network } from "../layout.ts";
import { ip } from "../namespaces.ts";
import { isAlive, recordedProcess, startDaemon } from "../processes.ts";
import { bootRoot, firstProcess, type RootSystem, seedRoot } from "../root-system.ts";
import { sshdFiles, sshdProcess } from "../sshd.ts";
import { until } from "../wait.ts";

/** Where the API listens, as on a real host. */
export const apiPort = 8006;

/** The private bridge of the VMs: nobody but the host itself has a way to it. */
export const privateBridge = { name: "vnetdev", address: "10.10.10.1", prefix: 24 } as const;

/** The management network, as private: of those who work on the site from inside. */
export const managementBridge = { name: "vnetmgmt", address: "10.10.0.1", prefix: 24 } as const;

/** The bridge that the host's own card is in. */
export const lanBridge = "vmbr0";

/**
 * Files in the site's run state by which the API's certificate and an administrator's token are had, and the directory of the
 * storage `local`, which the host has at the same path.
 */
export function proxmoxFiles(layout: Layout) {
  const [certificate, token, local] = ["ca.pem", "token", "local"].map((name) => layout.path("pve", name)) as [
    string,
    string,
    string,
  ];
  return { certificate, token, local };
}

/** The host's own root: sshd, and the storage that the API has, too. */
function hostRoot(layout: Layout, image: string): RootSystem {
  const { local } = proxmoxFiles(layout);
  return { layout, part: "pve", image, binds: { [local]: local }, ...sshdProcess };
}

/** Whether bridges, sshd and API are there. */
export async function proxmoxStands(layout: Layout): Promise<boolean> {
  return (
    isAlive(recordedProcess(layout.path("pve", "api.json"))) &&
    firstProcess(hostRoot(layout, "")) !== undefined &&
    existsSync(proxmoxFiles(layout).token) &&
    (await isPluggedIn(layout, "pve"))
  );
}

/** Makes the host anew and waits until its API answers: about 3 s. */
export async function startProxmoxHost(layout: Layout, image: string): Promise<void> {
  const key = layout.path("pve", "ssh_host_ed25519_key");
  mkdirSync(layout.path("pve"), { recursive: true, mode: 0o700 });
  await ensureKey(key, "root@pve");
  const root = hostRoot(layout, image);
  const { local } = proxmoxFiles(layout);
  rmSync(local, { recursive: true, force: true });
  mkdirSync(local, { mode: 0o755 });
  seedRoot(root, [...identityFiles(layout, "pve"), ...sshdFiles(key)]);
  await plugIn(layout, "pve");
  await ip(
    [
      `link add ${lanBridge} address ${macOf("pve")} type bridge stp_state 0 forward_delay 0`,
      `link set eth0 master ${lanBridge}`,
      `addr add ${network.proxmox}/24 dev ${lanBridge}`,
      `link set ${lanBridge} up`,
      `route add default via ${network.gateway}`,
      ...[privateBridge, managementBridge].flatMap(({ name, address, prefix }) => [
        `link add ${name} type bridge stp_state 0 forward_delay 0`,
        `addr add ${address}/${prefix} dev ${name}`,
        `link set ${name} up`,
      ]),
    ],
    layout.netns("pve"),
  );
  // A new namespace has what the machine's own network has, which may be a router. No filter of the machine's is asked.
  const sysctl = ["net.ipv4.ip_forward=0", "net.bridge.bridge-nf-call-iptables=0"];
  await execa("nsenter", [`--net=/run/netns/${layout.netns("pve")}`, "sysctl", "-q", "-w", ...sysctl]);
  await bootRoot(root);
  await startApi(layout, image);
}

/** The simulation outlives this process, and all that it makes lies in the site's run state. */
async function startApi(layout: Layout, image: string): Promise<void> {
  const { token } = proxmoxFiles(layout);
  const [log, record, scratch] = ["api.log", "api.json", "tmp"].map((name) => layout.path("pve", name)) as [
    string,
    string,
    string,
  ];
  rmSync(token, { force: true });
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx/esm")).href;
  const program = [process.execPath, "--import", tsx, join(import.meta.dirname, "serve.ts"), layout.name, image];
  const api = await startDaemon({
    command: "nsenter",
    args: [`--net=/run/netns/${layout.netns("pve")}`, ...program],
    logFile: log,
    recordFile: record,
    cgroup: makeCgroup(layout.name, "pve"),
    env: { ...process.env, TMPDIR: scratch },
  });
  await until({ what: "the simulated Proxmox VE", boundMs: 60_000, lookAt: log }, () => {
    if (isAlive(api)) return existsSync(token);
    const last = readFileSync(log, "utf8").trimEnd().split("\n").slice(-3).join(" | ");
    throw new Failure(`the simulated Proxmox VE ended: ${last}`, `look at ${log}`);
  });
}
