/**
 * The main job of pools in the lab: a template, three VMs on a private bridge, the readiness gate over the Proxmox host as a
 * jump host, evidence that verifies, clean second previews, and a destroy that leaves nothing. The operator's own commands,
 * on the operator's workstation; Proxmox VE is simulated.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hostKeysIn } from "../../cli/machines.ts";
import { resourcesIn } from "../../cli/stack.ts";
import { Failure } from "../../lib/failure.ts";
import { note, step } from "../../lib/progress.ts";
import { ensureToolchain } from "../../toolchain/index.ts";
import { configureStack, deploy, destroy, openWorkspace, pulumi, type Workspace } from "../workspace.ts";
import { lanBridge, privateBridge } from "./host.ts";
import { pretendImage } from "./pretend-image.ts";
import { type ProxmoxSite, type ProxmoxSiteOptions, proxmoxSiteUp } from "./site.ts";

/** The operator's clone on the workstation of a site for pools. */
export type PoolWorkspace = Workspace<ProxmoxSite>;

/** The stacks that make something, the last one made first to go. */
export const stacks = { template: ["template-image", "dev"], pool: ["platform-vm", "dev-apps"] } as const;

/** The stack of the foundation that states the site. */
const foundation = "dev";

/** The netbox@1 contract, in the workstation's clone. */
const netboxFile = "netbox.json";

/** What of the private network is given out by IPAM. */
export const ipamRange = { from: "10.10.10.40", to: "10.10.10.59" } as const;

/** Last number of each VM's address, by logical name. */
const pool = { "app-01": 21, "app-02": 22, "pgha-01": 31 } as const;

/** What the readiness gate found out about a VM, and what the stack made for it. */
export interface ReadyVm {
  /** Logical name. */
  key: string;
  /** Physical name. */
  name: string;
  vmId: number;
  address: string;
  /** Public host key of the stack's own. */
  hostKey: string;
  /** Each way that was tried, with how far it came and why no further. */
  attempts: { route: string; stage: string; reason?: string; seconds: number }[];
}

/** What the pool came to. */
export interface PoolProof {
  vms: ReadyVm[];
  status: string;
  evidenceDir: string;
  /** The words of `holdfast evidence verify`. */
  verified: string;
}

/** A VM or template as the cluster lists it. */
export interface ListedVm {
  vmid: number;
  name: string;
  template: number;
  status: string;
}

/** Brings up toolchain and site, and opens the operator's clone on its workstation. */
export async function openProxmoxSite(
  name: string,
  wish: Omit<ProxmoxSiteOptions, "name"> = {},
): Promise<PoolWorkspace> {
  const toolchain = await ensureToolchain(["pulumi", "proxmoxve"]);
  const site = await step(`Site ${name}`, () => proxmoxSiteUp({ ...wish, name }));
  const workspace = openWorkspace(site, toolchain);
  Object.assign(workspace.env, { SSL_CERT_FILE: site.proxmox.certificateFile });
  return workspace;
}

/** Makes a template of the pretend image, tries it by a clone, and publishes it. */
export async function deployTemplate(workspace: PoolWorkspace): Promise<void> {
  const [project, stack] = stacks.template;
  await step(`pulumi up: ${project}/${stack}`, async (report) => {
    const values = {
      ...common(workspace),
      node_name: "pve1",
      template_key: "ubuntu-24.04",
      url: pretendImage.url,
      sha256: pretendImage.sha256,
      // On the LAN the workstation reaches the test's clone.
      network_bridge: lanBridge,
      post_build_smoke: JSON.stringify({ ssh_login: "required", timeout_s: 30 }),
    };
    await configureStack(workspace, project, stack, values, secrets(workspace));
    report.detail(await deploy(workspace, project, stack));
  });
}

/** States the site, and makes its NetBox the authority over addresses, where it has one. */
export async function deployAuthority(workspace: PoolWorkspace): Promise<void> {
  const { netbox, workstation } = workspace.site;
  if (!netbox) return;
  const { address: gateway, prefix, name: bridge } = privateBridge;
  await step(`pulumi up: foundation/${foundation}`, async (report) => {
    const network = { name: "dev", bridge, cidr: `${gateway}/${prefix}`, gateway, pool: ipamRange };
    await configureStack(workspace, ".", foundation, {
      ...{ "site.id": "lab", "site.env": "dev", "site.zone": "onprem" },
      networks: JSON.stringify([network]),
      authorities: JSON.stringify({ netbox: { url: netbox.url, secretKey: "netbox.token" } }),
    });
    report.detail(await deploy(workspace, ".", foundation));
  });
  await step("holdfast netbox bootstrap", async (report) => {
    const { directory: cwd, env } = workspace;
    const bootstrap = ["cli/holdfast.js", "netbox", "bootstrap", "--url", netbox.url, "--file", netboxFile, "--json"];
    const token = { NETBOX_API_TOKEN: readFileSync(netbox.tokenFile, "utf8") };
    const { stdout } = await workstation.run("node", bootstrap, { cwd, env: { ...env, ...token }, timeoutMs: 60_000 });
    const { version, made } = JSON.parse(stdout) as { version: string; made: string[] };
    report.detail(`NetBox ${version}, ${made.length} made`);
  });
}

/** Makes three VMs on the private bridge and passes the readiness gate. */
export async function deployPool(workspace: PoolWorkspace): Promise<void> {
  const [project, stack] = stacks.pool;
  await step(`pulumi up: ${project}/${stack}`, async (report) => {
    const values = {
      ...common(workspace),
      env: "dev",
      template_state_ref: "core/onprem/template-image",
      template_key: "ubuntu-24.04",
      ...addressing(workspace),
      "bastion.address": workspace.site.proxmox.address,
      // The host writes the VMs' user data, with host keys that the gate knows before it meets them.
      snippets_storage: "local",
      vms: JSON.stringify(poolVms(workspace)),
    };
    const token = workspace.site.netbox && { "netbox.token": readFileSync(workspace.site.netbox.tokenFile, "utf8") };
    await configureStack(workspace, project, stack, values, { ...secrets(workspace), ...token });
    report.detail(await deploy(workspace, project, stack));
  });
}

function addressing({ site }: PoolWorkspace): Record<string, string> {
  if (!site.netbox) return { require_ipam: "false", addressing: JSON.stringify({ mode: "static" }) };
  const mode = { mode: "ipam", ipam: { provider: "netbox" } };
  return { "site.stack": foundation, "netbox.file": `../${netboxFile}`, addressing: JSON.stringify(mode) };
}

function common({ site }: PoolWorkspace): Record<string, string> {
  return { "site.id": "lab", "proxmox.endpoint": site.proxmox.url };
}

function secrets({ site }: PoolWorkspace): Record<string, string> {
  return { "proxmox.token": readFileSync(site.proxmox.tokenFile, "utf8") };
}

function poolVms({ site }: PoolWorkspace): Record<string, object> {
  const { address: gateway, prefix } = privateBridge;
  const network = gateway.replace(/\.\d+$/, "");
  return Object.fromEntries(
    Object.entries(pool).map(([key, last]) => {
      const ipv4 = site.netbox ? {} : { address: `${network}.${last}/${prefix}`, gateway };
      const role = key.replace(/-\d+$/, "");
      return [key, { role, interfaces: [{ bridge: "vnetenv", ipv4 }] }];
    }),
  );
}

/** Reads what the pool's outputs and its evidence say, and has the evidence verified. */
export async function provePool(workspace: PoolWorkspace): Promise<PoolProof> {
  const [project, stack] = stacks.pool;
  const { stdout } = await pulumi(workspace, project, ["stack", "output", "--json", "--stack", stack]);
  const { vms, status, evidence_dir: evidenceDir } = JSON.parse(stdout) as Outputs;
  const verify = ["cli/holdfast.js", "evidence", "verify", evidenceDir];
  const { directory: cwd, env, site } = workspace;
  const verified = await site.workstation.run("node", verify, { cwd, env, timeoutMs: 60_000 });
  const exported = await pulumi(workspace, project, ["stack", "export", "--stack", stack]);
  const hostKeys = hostKeysIn(resourcesIn(exported.stdout));
  const ready = Object.entries(vms.vms).map(([key, { name, vmId, address }]) => {
    const file = join(evidenceDir, `connectivity_ssh_auth.platform_vm_targets.${key}.json`);
    return { key, name, vmId, address, hostKey: hostKeys[key] ?? "", attempts: JSON.parse(readFileSync(file, "utf8")) };
  });
  return { vms: ready, status, evidenceDir, verified: verified.stdout.trim() };
}

interface Outputs {
  vms: { vms: Record<string, { name: string; vmId: number; address: string }> };
  status: string;
  evidence_dir: string;
}

/** Previews both stacks, which must find nothing to do. @throws Failure with what Pulumi said. */
export async function previewClean(workspace: PoolWorkspace): Promise<void> {
  for (const [project, stack] of Object.values(stacks)) {
    await step(`pulumi preview: ${project}/${stack}`, async (report) => {
      const args = ["preview", "--expect-no-changes", "--stack", stack];
      const result = await pulumi(workspace, project, args, { check: false });
      if (result.exitCode !== 0)
        throw new Failure(`the second preview is not clean:\n${result.stdout}${result.stderr}`);
      report.detail("no changes");
    });
  }
}

/** Destroys the pool, then the template; or one of them. */
export async function destroyPool(
  workspace: PoolWorkspace,
  which: readonly (keyof typeof stacks)[] = ["pool", "template"],
): Promise<void> {
  for (const [project, stack] of which.map((one) => stacks[one])) {
    await step(`pulumi destroy: ${project}/${stack}`, async (report) => {
      report.detail(await destroy(workspace, project, stack));
    });
  }
}

/** All VMs and templates of the cluster, as its API lists them to the workstation. */
export async function listVms({ site }: PoolWorkspace): Promise<ListedVm[]> {
  const { url, certificateFile, tokenFile } = site.proxmox;
  const listed = await curl<{ data: ListedVm[] }>(site, [
    `header = "Authorization: PVEAPIToken=${readFileSync(tokenFile, "utf8")}"`,
    `url = "${url}/api2/json/cluster/resources?type=vm"`,
    `cacert = "${certificateFile}"`,
  ]);
  return listed.data;
}

/** A VM's record in NetBox, as a person would see it. */
export interface NetboxRecord {
  name: string;
  status: string;
  tags: string[];
  /** With prefix length; empty without one. */
  primaryAddress: string;
}

/** The records of VMs in the site's NetBox, by name; none without a NetBox. */
export async function listRecords({ site }: PoolWorkspace): Promise<NetboxRecord[]> {
  if (!site.netbox) return [];
  const { url, tokenFile } = site.netbox;
  const { results } = await curl<{ results: NetboxRow[] }>(site, [
    `header = "Authorization: Bearer ${readFileSync(tokenFile, "utf8")}"`,
    `url = "${url}/api/virtualization/virtual-machines/?ordering=name"`,
  ]);
  return results.map(({ name, status, tags, primary_ip4 }) => ({
    name,
    status: status.value,
    tags: tags.map(({ slug }) => slug).sort(),
    primaryAddress: primary_ip4?.address ?? "",
  }));
}

interface NetboxRow {
  name: string;
  status: { value: string };
  tags: { slug: string }[];
  primary_ip4: { address: string } | null;
}

/** A GET from the workstation. Its configuration goes by standard input: a token is no argument. */
async function curl<T>({ workstation }: ProxmoxSite, config: readonly string[]): Promise<T> {
  const args = ["--silent", "--show-error", "--fail", "--max-time", "20", "--config", "-"];
  const { stdout } = await workstation.run("curl", args, { input: config.join("\n") });
  return JSON.parse(stdout) as T;
}

/** Says what stands in for what, before anything is done. */
export function announce(): void {
  note("simulated: Proxmox VE. No VM runs and no disk is written behind its API; it proves nothing about a real one");
  note("in place of each VM: a network namespace on the bridge with a real sshd, set up as cloud-init would have");
}
