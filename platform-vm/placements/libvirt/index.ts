/**
 * One libvirt host as a placement: VMs are made from an image.
 */
import { recordedIn } from "../../../lib/preflight/recorded.ts";
import type { PreflightArgs } from "../../../resources/host/preflight.ts";
import type { Placement } from "../placement.ts";
import { deployedOnLibvirt } from "./deployed.ts";
import { type LibvirtPart, type LibvirtPlannedVm, planOnLibvirt } from "./plan.ts";
import { planPreflight } from "./preflight.ts";
import { refuseOnLibvirt } from "./refuse.ts";

export const libvirt: Placement<LibvirtPart, LibvirtPlannedVm, PreflightArgs> = {
  title: "libvirt",
  resolves: undefined,
  // The Proxmox host of a site leads to no VM of another placement.
  bastion: () => undefined,
  plan: planOnLibvirt,
  deployed: deployedOnLibvirt,
  refuse: refuseOnLibvirt,
  resolve: async ({ vms }) => vms,
  preflight: (plan, _vms, { resources }) => planPreflight(plan, recordedIn(Object.values(resources))),
  provisioner: () => import("./provision.ts"),
};
