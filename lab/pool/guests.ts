/**
 * What the simulated Proxmox VE has in place of running VMs: for each a network namespace on the host's bridges, with a root
 * file system and host keys of its own and a real sshd. There is no kernel that boots, and no cloud-init: what a VM's
 * configuration tells cloud-init to do, this does before the first start.
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { shellScript } from "../../lib/shell.ts";
import { portOpens } from "../../lib/ssh/dial.ts";
import { cgroupPath, removeCgroup } from "../cgroups.ts";
import { ensureKey } from "../keys.ts";
import { type Layout, network } from "../layout.ts";
import { ip, makeNamespace, removeNamespace } from "../namespaces.ts";
import { parseNet } from "../proxmox/nets.ts";
import { parseProperties } from "../proxmox/property-string.ts";
import type { SimulatedVm } from "../proxmox/state.ts";
import { bootRoot, execInRoot, isSeeded, type RootSystem, type SeedFile, seedRoot } from "../root-system.ts";
import { writePrivately } from "../secrets.ts";
import { searchPath, sshdFiles, sshdProcess } from "../sshd.ts";
import { until } from "../wait.ts";

/** The VMs of one site. Its methods are the hooks of the simulation. */
export class Guests {
  /**
   * @param image root file system below each VM's own.
   * @param files directory of the storage with snippets, and the certificate of the API, which VMs trust.
   */
  constructor(
    private readonly layout: Layout,
    private readonly image: string,
    private readonly files: { local: string; certificate: string },
  ) {}

  /** Starts a VM and waits until its sshd answers on the host's side of the bridge: about half a second. */
  async start(vm: SimulatedVm): Promise<void> {
    const { layout } = this;
    const told = userDataOf(vm, this.files.local);
    const system = { ...this.system(vm), hostname: told.name };
    const key = layout.path(system.part, "ssh_host_ed25519_key");
    mkdirSync(layout.path(system.part), { recursive: true, mode: 0o700 });
    if (told.hostKey === undefined) await ensureKey(key, `root@${system.hostname}`);
    else writePrivately(key, told.hostKey);
    if (!isSeeded(system)) seedRoot(system, this.firstFiles(told, key));
    await this.plug(vm, system);
    await bootRoot(system);
    if (told.user !== undefined)
      await execInRoot(system, "sh", ["-c", ownPlaces.call(told.user, userId, runtimeDirectory)]);
    const [host] = Object.values(vm.addresses).flat();
    if (host === undefined) return;
    const target = { host: host.split("/")[0] ?? "", port: 22, user: "", stack: "" };
    const lookAt = layout.path(system.part, "console.log");
    await until({ what: `sshd of VM ${vm.vmid} on ${target.host}`, boundMs: 20_000, lookAt }, () =>
      portOpens(target, 1_000),
    );
  }

  private firstFiles(told: Told, key: string): SeedFile[] {
    const authority = readFileSync(this.files.certificate, "utf8");
    const known = readFileSync(join(this.image, authorities), "utf8");
    return [
      ...cloudInitFiles(told, this.image),
      ...sshdFiles(key, told.user === undefined ? [] : sessionOf(told.user)),
      // Nobody answers names on the private bridges: a question is refused at once, and not waited for.
      { path: "etc/resolv.conf", text: "search lab\n" },
      { path: "usr/local/share/ca-certificates/proxmox.crt", text: authority },
      { path: authorities, text: `${known}${authority}` },
    ];
  }

  /** Ends everything that runs in a VM, at once. Its disk stays. */
  async stop(vm: SimulatedVm): Promise<void> {
    const { part } = this.system(vm);
    await removeCgroup(cgroupPath(this.layout.name, part));
    await removeNamespace(this.layout.namespaceOf(part));
  }

  /** Takes a VM's disk and keys away; the next of that id is another machine. */
  async destroy(vm: SimulatedVm): Promise<void> {
    await this.stop(vm);
    rmSync(this.layout.path(this.system(vm).part), { recursive: true, force: true });
  }

  private system({ vmid }: SimulatedVm): RootSystem {
    return { layout: this.layout, part: `vm${vmid}`, image: this.image, ...sshdProcess };
  }

  /** Plugs each card into its bridge, named as Proxmox VE names them, and gives it its addresses. */
  private async plug(vm: SimulatedVm, { part }: RootSystem): Promise<void> {
    const { layout } = this;
    const own = layout.namespaceOf(part);
    await makeNamespace(own);
    for (const [key, addresses] of Object.entries(vm.addresses)) {
      const net = parseNet(String(vm.config[key]));
      if ("error" in net || net.bridge === undefined) continue;
      const number = key.slice("net".length);
      const [tap, nic] = [`tap${vm.vmid}i${number}`, `eth${number}`];
      await ip(
        [
          `link add ${tap} type veth peer name ${nic} address ${net.mac} netns ${own}`,
          `link set ${tap} master ${net.bridge}`,
          `link set ${tap} up`,
        ],
        layout.netns("pve"),
      );
      const configured = parseProperties(String(vm.config[`ipconfig${number}`] ?? ""), "ip");
      const gateway = configured.get("gw") ?? (configured.get("ip") === "dhcp" ? network.gateway : undefined);
      await ip(
        [
          `link set ${nic} up`,
          ...addresses.map((address) => `addr add ${address} dev ${nic}`),
          ...(gateway === undefined ? [] : [`route add default via ${gateway}`]),
        ],
        own,
      );
    }
  }
}

/** Whom a machine's programs trust, as update-ca-certificates writes it. */
const authorities = "etc/ssl/certs/ca-certificates.crt";

/** Number of a VM's user and group. */
const userId = 1000;

/** Where a user's session keeps what must not outlive the machine. */
const runtimeDirectory = `/run/user/${userId}`;

const ownPlaces = shellScript(import.meta.dirname, "own-places.sh");

/** The environment of a user's session, which PAM would have made. */
function sessionOf(user: string): string[] {
  return [`Match User ${user}`, `SetEnv ${searchPath} XDG_RUNTIME_DIR=${runtimeDirectory}`];
}

const cloudInit = shellScript(import.meta.dirname, "cloud-init.sh");

/** What a VM is told about itself. */
interface Told {
  name: string;
  user?: string | undefined;
  /** Public keys of the user, one a line. */
  keys: string;
  /** Private; absent: it makes one. */
  hostKey?: string;
}

/** The user data of a VM: the snippet that its configuration names, else what Proxmox VE makes of the configuration. */
function userDataOf({ vmid, config }: SimulatedVm, storage: string): Told {
  const [, file] =
    parseProperties(String(config.cicustom ?? ""), "user")
      .get("user")
      ?.split("/") ?? [];
  if (file === undefined) {
    const { name = `VM${vmid}`, ciuser: user, sshkeys = "" } = config;
    return {
      name: String(name),
      user: user === undefined ? user : String(user),
      keys: decodeURIComponent(String(sshkeys)),
    };
  }
  const { hostname, users, ssh_keys } = parse(readFileSync(join(storage, "snippets", file), "utf8"));
  const [{ name: user, ssh_authorized_keys: keys }] = users;
  return { name: hostname, user, keys: keys.join("\n"), hostKey: ssh_keys.ed25519_private };
}

/** What cloud-init would have made of its user data: a name, and the user with keys and sudo. */
function cloudInitFiles({ name, user, keys }: Told, image: string): SeedFile[] {
  const files: SeedFile[] = [
    { path: "etc/hostname", text: `${name}\n` },
    { path: "etc/hosts", text: `127.0.0.1 localhost ${name}\n::1 localhost\n` },
    { path: "usr/local/bin/cloud-init", text: cloudInit.text, mode: 0o755 },
  ];
  if (user === undefined) return files;
  const and = (file: string, line: string) => `${readFileSync(join(image, file), "utf8")}${line}\n`;
  return [
    ...files,
    { path: "etc/passwd", text: and("etc/passwd", `${user}:x:${userId}:${userId}::/home/${user}:/bin/bash`) },
    { path: "etc/group", text: and("etc/group", `${user}:x:${userId}:`) },
    // A star has no password either, yet is not locked: sshd without PAM lets nobody in whose account is.
    { path: "etc/shadow", text: and("etc/shadow", `${user}:*:20000:0:99999:7:::`), mode: 0o640 },
    { path: "etc/sudoers.d/90-cloud-init-users", text: `${user} ALL=(ALL) NOPASSWD:ALL\n`, mode: 0o440 },
    { path: `home/${user}/.hushlogin`, text: "" },
    { path: `etc/ssh/authorized_keys/${user}`, text: `${keys}\n` },
  ];
}
