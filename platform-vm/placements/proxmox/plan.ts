/**
 * What a pool on Proxmox VE decides beside what every pool does: endpoint, templates, nodes, ids, storages. Pure.
 */

import { planEndpoint } from "../../../lib/config/proxmox-keys.ts";
import { bastionOf } from "../../../lib/config/ssh-routes.ts";
import type { ReportProblem } from "../../../lib/config/strict.ts";
import type { Site } from "../../../lib/contracts/site.ts";
import type { SshTarget } from "../../../lib/ssh/dial.ts";
import type { PlatformVmConfig } from "../../config.ts";
import type { PlannedVm, RequestedVm } from "../../planned.ts";
import { templateStack } from "../../template-reference.ts";
import type { PoolRequest } from "../placement.ts";

/** A VM on Proxmox VE, decided. */
export interface ProxmoxPlannedVm extends PlannedVm {
  /** Id on the hypervisor; absent: the next free one. */
  vmId?: number;
  templateKey: string;
  /** Absent: the template's. */
  nodeName?: string;
  datastoreId: string;
  startupOrder?: number;
}

/** What a plan has on Proxmox VE alone. */
export interface ProxmoxPart {
  placement: "proxmox";
  endpoint: string;
  vms: ProxmoxPlannedVm[];
  /** The stack of template-image with the templates; absent with `template_vm_id`. */
  templateStack?: string;
  templateVmId?: number;
  /** Node of the site, for VMs whose template and configuration name none. */
  siteNode?: string;
  /** Where the VMs' user data goes; absent: Proxmox VE makes it up, and host keys are nobody's. */
  snippets?: PlannedSnippets;
}

/** Where user data goes. */
export interface PlannedSnippets {
  storage: string;
  /** The Proxmox host, which writes it. */
  host: SshTarget;
}

/** @param report told everything that does not fit together. */
export function planOnProxmox({ config, vms, site, env, stack }: PoolRequest, report: ReportProblem): ProxmoxPart {
  if (config["proxmox.token"] === undefined) report("proxmox.token", "is required");
  const templateStack = templateStackOf(config, env, report);
  checkIds(vms, report);
  checkStorage(vms, config, site, report);
  const siteNode = site?.authorities.proxmox?.node;
  const snippets = snippetsOf(config, site, stack, report);
  return {
    placement: "proxmox",
    endpoint: planEndpoint(config["proxmox.endpoint"], site, report),
    vms: vms.map((vm) => plannedVm(vm, config)),
    ...(templateStack === undefined ? {} : { templateStack }),
    ...(config.template_vm_id === undefined ? {} : { templateVmId: config.template_vm_id }),
    ...(siteNode === undefined ? {} : { siteNode }),
    ...(snippets === undefined ? {} : { snippets }),
  };
}

/** There is no upload of snippets in the API: the host itself writes them. */
function snippetsOf(
  config: PlatformVmConfig,
  site: Site | undefined,
  stack: string,
  report: ReportProblem,
): PlannedSnippets | undefined {
  const storage = config.snippets_storage;
  if (storage === undefined) return undefined;
  const host = bastionOf(config["bastion.address"], site);
  if (host) return { storage, host: { ...host, user: "root", stack } };
  report(
    "bastion.address",
    "is required with snippets_storage: user data is written over SSH on the Proxmox host; pulumi config set bastion.address <its address>",
  );
  return undefined;
}

function plannedVm({ input: own, ...vm }: RequestedVm, config: PlatformVmConfig): ProxmoxPlannedVm {
  const nodeName = own.node_name ?? config.node_name;
  return {
    ...vm,
    ...(own.vm_id === undefined ? {} : { vmId: own.vm_id }),
    templateKey: own.template_key ?? config.template_key,
    ...(nodeName === undefined ? {} : { nodeName }),
    datastoreId: own.datastore_id ?? config.datastore_id ?? usualStorage,
    ...(own.startup_order === undefined ? {} : { startupOrder: own.startup_order }),
  };
}

function templateStackOf(config: PlatformVmConfig, env: string, report: ReportProblem): string | undefined {
  if (config.template_vm_id !== undefined) return undefined;
  const reference = config.template_state_ref;
  if (reference === undefined) {
    report(
      "template_state_ref",
      "inputs.template_state_ref is required (recommended: core/onprem/template-image); inputs.template_vm_id is only for explicit override; pulumi config set template_state_ref core/onprem/template-image",
    );
    return undefined;
  }
  const stack = templateStack(reference, env);
  if (stack === "") {
    report(
      "template_state_ref",
      "means the stack named after the environment, and there is none; pulumi config set env <environment>",
    );
  }
  return stack;
}

function checkIds(vms: readonly RequestedVm[], report: ReportProblem): void {
  const holders = new Map<number, string>();
  for (const {
    key,
    input: { vm_id },
  } of vms) {
    if (vm_id === undefined) continue;
    const other = holders.get(vm_id);
    if (other) report("vms", `inputs.vms[${key}].vm_id ${vm_id} is that of inputs.vms[${other}] already`);
    holders.set(vm_id, key);
  }
}

/** Storage of disks where the configuration names none. Never another one by itself: a VM would be made anew there. */
const usualStorage = "local-lvm";

function checkStorage(
  vms: readonly RequestedVm[],
  config: PlatformVmConfig,
  site: Site | undefined,
  report: ReportProblem,
): void {
  const storages = site?.authorities.proxmox?.storages ?? [usualStorage];
  const unnamed = config.datastore_id === undefined && vms.some(({ input }) => input.datastore_id === undefined);
  if (!unnamed || storages.includes(usualStorage)) return;
  report(
    "datastore_id",
    `is required: the site lists ${storages.join(", ")}, and not ${usualStorage}, the default; pulumi config set datastore_id <storage>, that of the VMs where they stand already`,
  );
}
