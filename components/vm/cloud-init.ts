/**
 * cloud-init documents of a VM: typed, rendered as YAML. Pure. The keys are those of cloud-init's own schema, against
 * which the lab checks what is rendered here (`cloud-init schema` on the guest image).
 */
import { stringify } from "yaml";

/** cloud-init reads YAML 1.1, where an unquoted `on` or `no` is no text; long lines are keys and stay whole. */
const forCloudInit = { compat: "yaml-1.1", lineWidth: 0 } as const;

/** What a machine is to be at its first boot. */
export interface Machine {
  hostName: string;
  /** Makes its full name known to itself, as Proxmox VE does. Default: it has none. */
  domain?: string | undefined;
  /** A user of its own that logs in in root's place, and may do everything by `sudo`; root has no key then. */
  login?: string | undefined;
  /** Public keys that may log in: as `login`, else as root. */
  authorizedKeys: string[];
  /** The machine's own host key, so that its first contact is already checked. The private half is secret. */
  hostKey: { privateKey: string; publicKey: string };
  /** Debian packages to install, after a look at what there is of them; absent: neither. */
  packages?: string[] | undefined;
  /** systemd units to enable and start once the packages are there. */
  services?: string[] | undefined;
}

/** IPv4 settings of the one network card; without an address it asks by DHCP. */
export type Network =
  | { kind: "dhcp"; dns: string[] }
  | { kind: "static"; cidr: string; gateway: string; dns: string[]; domain?: string };

/** User data. Holds the private host key: treat the whole text as a secret. */
export function userData(machine: Machine): string {
  const config = {
    hostname: machine.hostName,
    preserve_hostname: false,
    ...(machine.domain ? { fqdn: `${machine.hostName}.${machine.domain}`, manage_etc_hosts: true } : {}),
    disable_root: machine.login !== undefined,
    ssh_pwauth: false,
    users: [user(machine)],
    ssh_deletekeys: true,
    ssh_keys: {
      ed25519_private: withFinalNewline(machine.hostKey.privateKey),
      ed25519_public: machine.hostKey.publicKey,
    },
    ...(machine.packages ? { package_update: true, packages: machine.packages } : {}),
    ...(machine.services
      ? { runcmd: machine.services.map((service) => ["systemctl", "enable", "--now", service]) }
      : {}),
  };
  return `#cloud-config\n${stringify(config, forCloudInit)}`;
}

/** Who logs in. Locked: a key opens the account, no password does, on the console neither. */
function user({ login, authorizedKeys }: Machine): object {
  if (login === undefined) return { name: "root", lock_passwd: true, ssh_authorized_keys: authorizedKeys };
  const shell = "/bin/bash";
  return { name: login, shell, sudo: "ALL=(ALL) NOPASSWD:ALL", lock_passwd: true, ssh_authorized_keys: authorizedKeys };
}

/**
 * Network configuration, version 2. The card is matched by `e*`: it is ens2, ens3 or enp1s0 depending on the machine
 * type and the image, and a wrong name means no address at all.
 */
export function networkConfig(network: Network): string {
  const search = network.kind === "static" && network.domain ? { search: [network.domain] } : {};
  const dns = network.dns.length > 0 ? { nameservers: { ...search, addresses: network.dns } } : {};
  const nic =
    network.kind === "dhcp"
      ? { dhcp4: true, "dhcp-identifier": "mac", ...dns }
      : { dhcp4: false, addresses: [network.cidr], routes: [{ to: "default", via: network.gateway }], ...dns };
  return stringify({ version: 2, ethernets: { lan: { match: { name: "e*" }, ...nic } } }, forCloudInit);
}

/**
 * Metadata. A new instance id makes cloud-init run again.
 * @param instance default: the host name, which stays; cloud-init runs once then, whatever else changes.
 */
export function metaData(hostName: string, instance = hostName): string {
  return stringify({ "instance-id": instance, "local-hostname": hostName }, forCloudInit);
}

function withFinalNewline(key: string): string {
  return key.endsWith("\n") ? key : `${key}\n`;
}
