/**
 * Proxmox VE as a placement: VMs are clones of templates.
 */
import { bastionOf } from "../../../lib/config/ssh-routes.ts";
import type { PoolPreflightArgs } from "../../../resources/proxmox/pool-preflight.ts";
import type { Placement } from "../placement.ts";
import { deployedOnProxmox } from "./deployed.ts";
import { type ProxmoxPart, planOnProxmox } from "./plan.ts";
import { planPreflight } from "./preflight.ts";
import { refuseOnProxmox } from "./refuse.ts";
import { type PlacedProxmoxVm, resolveTemplates } from "./templates.ts";

export const proxmox: Placement<ProxmoxPart, PlacedProxmoxVm, PoolPreflightArgs> = {
  title: "Proxmox VE",
  resolves: "every VM has its template and its node",
  bastion: (config, site) => bastionOf(config["bastion.address"], site),
  plan: planOnProxmox,
  deployed: deployedOnProxmox,
  refuse: refuseOnProxmox,
  resolve: resolveTemplates,
  preflight: planPreflight,
  provisioner: () => import("./provision.ts"),
};
