/**
 * The ways over other machines by which a pool's VMs are reached. Pure.
 */
import type { Site } from "../components/contracts/site.ts";
import type { SshTarget } from "../components/ssh/dial.ts";
import type { PlatformVmConfig, PoolPlan } from "./plan.ts";

/** The ways to the VMs beside the straight one. */
export function waysTo(
  config: PlatformVmConfig,
  site: Site | undefined,
  stack: string,
): Pick<PoolPlan, "jump" | "bastion"> {
  const jumpHost = config.ssh_proxy_jump_host;
  // The bastion is the Proxmox host, which leads to no VM of another placement.
  const bastion = config.placement === "proxmox" ? bastionOf(config["bastion.address"], site) : undefined;
  const auto = config.post_apply_ssh_readiness.ssh_proxy_jump_auto;
  return {
    ...(jumpHost
      ? { jump: { host: jumpHost, port: config.ssh_proxy_jump_port, user: config.ssh_proxy_jump_user, stack } }
      : {}),
    ...(bastion && auto ? { bastion: { ...bastion, user: "root", stack } } : {}),
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
