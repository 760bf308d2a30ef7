/**
 * The ways over other machines by which VMs are reached: the jump host that a configuration names, and the Proxmox host of the
 * site. Pure.
 */
import type { Site } from "../contracts/site.ts";
import type { SshTarget } from "../ssh/dial.ts";

/** What of a configuration decides the ways. */
export interface WaySettings {
  jumpHost?: string | undefined;
  jumpPort: number;
  jumpUser: string;
  /** Whether the Proxmox host is tried, where nothing else leads to a VM. */
  auto: boolean;
  /** Address of that host, where the configuration says one. */
  bastion?: string | undefined;
}

/** The ways beside the straight one. */
export interface SshRoutes {
  jump?: SshTarget;
  bastion?: SshTarget;
}

/**
 * The ways to the VMs beside the straight one. On the Proxmox host the login is root's.
 * @param stack `<project>/<stack>` whose known_hosts is used.
 */
export function sshRoutesOver(settings: WaySettings, site: Site | undefined, stack: string): SshRoutes {
  const { jumpHost, jumpPort, jumpUser, auto } = settings;
  const bastion = auto ? bastionOf(settings.bastion, site) : undefined;
  return {
    ...(jumpHost ? { jump: { host: jumpHost, port: jumpPort, user: jumpUser, stack } } : {}),
    ...(bastion ? { bastion: { ...bastion, user: "root", stack } } : {}),
  };
}

/** The Proxmox host: where the site says the same address, with its port and host key. */
export function bastionOf(
  configured: string | undefined,
  site: Site | undefined,
): Pick<SshTarget, "host" | "port" | "hostKey"> | undefined {
  const { address, port = 22, hostKey } = site?.authorities.proxmox ?? {};
  if (configured !== undefined && configured !== address) return { host: configured, port: 22 };
  if (address === undefined) return undefined;
  return { host: address, port, ...(hostKey === undefined ? {} : { hostKey }) };
}
