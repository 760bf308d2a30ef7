/**
 * The ways over other machines by which a pool's VMs are reached. Pure.
 */

import { type SshRoutes, sshRoutesOver } from "../lib/config/ssh-routes.ts";
import type { Site } from "../lib/contracts/site.ts";
import type { PlatformVmConfig } from "./plan.ts";

/** The ways to the VMs beside the straight one. The Proxmox host leads to no VM of another placement. */
export function sshRoutesTo(config: PlatformVmConfig, site: Site | undefined, stack: string): SshRoutes {
  return sshRoutesOver(
    {
      jumpHost: config.ssh_proxy_jump_host,
      jumpPort: config.ssh_proxy_jump_port,
      jumpUser: config.ssh_proxy_jump_user,
      auto: config.placement === "proxmox" && config.post_apply_ssh_readiness.ssh_proxy_jump_auto,
      bastion: config["bastion.address"],
    },
    site,
    stack,
  );
}
