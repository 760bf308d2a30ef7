/**
 * The ways over other machines by which a pool's VMs are reached. Pure.
 */

import { type SshRoutes, sshRoutesOver } from "../lib/config/ssh-routes.ts";
import type { Site } from "../lib/contracts/site.ts";
import type { PlatformVmConfig } from "./config.ts";
import { placements } from "./placements/index.ts";

/** The ways to the VMs beside the straight one; over the placement's own host the login is root's. */
export function sshRoutesTo(config: PlatformVmConfig, site: Site | undefined, stack: string): SshRoutes {
  const { ssh_proxy_jump_host: jumpHost, ssh_proxy_jump_port: jumpPort, ssh_proxy_jump_user: jumpUser } = config;
  const bastion = config.post_apply_ssh_readiness.ssh_proxy_jump_auto
    ? placements[config.placement].bastion(config, site)
    : undefined;
  return {
    ...sshRoutesOver({ jumpHost, jumpPort, jumpUser, auto: false }, site, stack),
    ...(bastion ? { bastion: { ...bastion, user: "root", stack } } : {}),
  };
}
