/**
 * A libvirt host of the site: Debian 13 with systemd, libvirtd and sshd, its NIC enslaved to the bridge `br0`.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { note } from "../lib/progress.ts";
import { cgroupPath, removeCgroup } from "./cgroups.ts";
import { kubeRouterUnit } from "./faults.ts";
import { ensureKey, publicKey } from "./keys.ts";
import { isPluggedIn, plugIn } from "./lan.ts";
import { type HostName, type Layout, macOf, network } from "./layout.ts";
import { ip, removeNamespace } from "./namespaces.ts";
import {
  bootRoot,
  execInRoot,
  firstProcess,
  isSeeded,
  type RootSystem,
  type SeedFile,
  seedRoot,
} from "./root-system.ts";
import { until } from "./wait.ts";

/** The root system of a host. `kvm` gives its guests the hardware's virtualisation. */
export function hostSystem(layout: Layout, host: HostName, image: string, kvm: boolean): RootSystem {
  return { layout, part: host, image, command: ["/sbin/init", "--log-target=console"], processName: "systemd", kvm };
}

/** Whether the host is plugged in and runs. */
export async function hostStands(system: RootSystem): Promise<boolean> {
  return (await isPluggedIn(system.layout, system.part)) && firstProcess(system) !== undefined;
}

/**
 * Boots the host and waits until libvirt, its pool and sshd answer: about a second. A host that has never run gets its
 * disk first; one that has boots from what it wrote.
 */
export async function bootHost(system: RootSystem, host: HostName): Promise<void> {
  await cutPower(system);
  const { layout } = system;
  mkdirSync(layout.path(host), { recursive: true });
  await ensureKey(layout.path(host, "ssh_host_ed25519_key"), `root@${host}`);
  if (!isSeeded(system)) seedRoot(system, hostFiles(layout, host));
  await plugIn(layout, host);
  const address = network.hosts[host];
  await ip(
    [
      `link add br0 address ${macOf(host)} type bridge stp_state 0 forward_delay 0`,
      "link set eth0 master br0",
      `addr add ${address}/24 dev br0`,
      "link set br0 up",
      `route add default via ${network.gateway}`,
    ],
    layout.netns(host),
  );
  await bootRoot(system);
  await untilReady(system);
}

/** Takes the host's power away: everything that runs on it dies at once, VMs included. Its disk stays. */
export async function cutPower(system: Pick<RootSystem, "layout" | "part">): Promise<void> {
  await removeCgroup(cgroupPath(system.layout.name, system.part));
  await removeNamespace(system.layout.namespaceOf(system.part));
  rmSync(system.layout.path(system.part, "process.json"), { force: true });
}

async function untilReady(system: RootSystem): Promise<void> {
  const ready =
    "virsh -q -c qemu:///system pool-list --name | grep -qx 'images *' && : </dev/tcp/127.0.0.1/22 && systemctl is-system-running";
  const lookAt = system.layout.path(system.part, "console.log");
  const state = await until({ what: `libvirt and sshd on ${system.part}`, boundMs: 60_000, lookAt }, async () => {
    const { stdout } = await execInRoot(system, "bash", ["-c", ready], { check: false, timeoutMs: 10_000 });
    return ["running", "degraded"].find((known) => stdout.trim() === known);
  });
  if (state === "degraded") note(`${system.part} is degraded: systemctl --failed on it says why`);
}

function hostFiles(layout: Layout, host: HostName): SeedFile[] {
  const key = layout.path(host, "ssh_host_ed25519_key");
  return [
    ...identityFiles(layout, host),
    { path: "etc/ssh/ssh_host_ed25519_key", text: readFileSync(key, "utf8"), mode: 0o600 },
    { path: "etc/ssh/ssh_host_ed25519_key.pub", text: `${publicKey(key)}\n` },
    { path: "etc/libvirt/storage/images.xml", text: imagesPool(host), mode: 0o600 },
    { path: "etc/libvirt/storage/autostart/images.xml", linkTo: "/etc/libvirt/storage/images.xml" },
    // /proc/sys is read-only here except for the network's part: settings from /etc/sysctl.d still apply to that.
    {
      path: "etc/systemd/system/systemd-sysctl.service.d/lab.conf",
      text: "[Unit]\nConditionPathIsReadWrite=\nConditionPathIsReadWrite=/proc/sys/net/\n",
    },
    ...kubeRouterUnit(),
  ];
}

/** What makes a root a machine of this site: its name, its resolver, and the workstation's key. */
export function identityFiles(layout: Layout, name: string): SeedFile[] {
  const machineId = createHash("md5").update(`${layout.name}/${name}`).digest("hex");
  return [
    { path: "etc/hostname", text: `${name}\n` },
    { path: "etc/hosts", text: `127.0.0.1 localhost ${name}\n::1 localhost\n` },
    { path: "etc/resolv.conf", text: `nameserver ${network.gateway}\nsearch lab\n` },
    { path: "etc/machine-id", text: `${machineId}\n` },
    { path: "root/.ssh/authorized_keys", text: `${publicKey(layout.path("ssh", "id_ed25519"))}\n`, mode: 0o600 },
  ];
}

function imagesPool(host: string): string {
  const hex = createHash("md5").update(`pool images of ${host}`).digest("hex");
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  const path = "/var/lib/libvirt/images";
  return `<pool type='dir'><name>images</name><uuid>${uuid}</uuid><target><path>${path}</path></target></pool>\n`;
}
