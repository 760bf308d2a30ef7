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
  /** Public keys that may log in as root. */
  authorizedKeys: string[];
  /** The machine's own host key, so that its first contact is already checked. The private half is secret. */
  hostKey: { privateKey: string; publicKey: string };
  /** Debian packages to install. */
  packages: string[];
  /** systemd units to enable and start once the packages are there. */
  services: string[];
}

/** IPv4 settings of the one network card; without an address it asks by DHCP. */
export type Network =
  | { kind: "dhcp"; dns: string[] }
  | { kind: "static"; cidr: string; gateway: string; dns: string[] };

/** User data. Holds the private host key: treat the whole text as a secret. */
export function userData(machine: Machine): string {
  const config = {
    hostname: machine.hostName,
    preserve_hostname: false,
    disable_root: false,
    ssh_pwauth: false,
    // Locked: a key opens root, no password does, on the console neither.
    users: [{ name: "root", lock_passwd: true, ssh_authorized_keys: machine.authorizedKeys }],
    ssh_deletekeys: true,
    ssh_keys: {
      ed25519_private: withFinalNewline(machine.hostKey.privateKey),
      ed25519_public: machine.hostKey.publicKey,
    },
    package_update: true,
    packages: machine.packages,
    runcmd: machine.services.map((service) => ["systemctl", "enable", "--now", service]),
  };
  return `#cloud-config\n${stringify(config, forCloudInit)}`;
}

/**
 * Network configuration, version 2. The card is matched by `e*`: it is ens2, ens3 or enp1s0 depending on the machine
 * type and the image, and a wrong name means no address at all.
 */
export function networkConfig(network: Network): string {
  const dns = network.dns.length > 0 ? { nameservers: { addresses: network.dns } } : {};
  const card =
    network.kind === "dhcp"
      ? { dhcp4: true, "dhcp-identifier": "mac", ...dns }
      : { dhcp4: false, addresses: [network.cidr], routes: [{ to: "default", via: network.gateway }], ...dns };
  return stringify({ version: 2, ethernets: { lan: { match: { name: "e*" }, ...card } } }, forCloudInit);
}

/** Metadata. A new instance id makes cloud-init run again, so it names the machine and nothing that changes. */
export function metaData(hostName: string): string {
  return stringify({ "instance-id": hostName, "local-hostname": hostName }, forCloudInit);
}

function withFinalNewline(key: string): string {
  return key.endsWith("\n") ? key : `${key}\n`;
}
