/**
 * The main flow of the operations runner in the lab: the shipped blueprint from a copy of it to a runner VM with the whole
 * release, by the runbook's own commands (docs/runbooks/onprem-ops-runner.md), on the operator's workstation.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { Failure } from "../../lib/failure.ts";
import { step } from "../../lib/progress.ts";
import { ensureToolchain } from "../../toolchain/index.ts";
import type { CommandOptions, CommandResult } from "../command.ts";
import { layoutOf } from "../layout.ts";
import { listVms, type PoolWorkspace } from "../pool/demo.ts";
import { managementBridge } from "../pool/host.ts";
import { pretendImage } from "../pool/pretend-image.ts";
import { proxmoxSiteUp } from "../pool/site.ts";
import { execInRoot } from "../root-system.ts";
import { sshdProcess } from "../sshd.ts";
import { configureStack, deploy, openWorkspace, pulumi } from "../workspace.ts";

/** The blueprint, and the environment that it is deployed in. */
export const flow = { ref: "networking/onprem-ops-runner@v1", copy: "onprem-ops-runner.yml", env: "dev" } as const;

/** The stacks of its steps, as `<project>/<stack>`. */
export const stacks = {
  template: "template-image/dev-template-image-ubuntu-22-04",
  vm: "platform-vm/dev-onprem-ops-runner",
  bootstrap: "ops-runner/dev-onprem-ops-runner-bootstrap",
} as const;

/** The states that the runbook looks at in the end, by the names that it has for them. */
export const modules = [
  "platform/onprem/platform-vm#onprem_ops_runner",
  "platform/linux/ops-runner#onprem_ops_runner_bootstrap",
] as const;

/** The runner VM, as the runbook names it. */
export const runner = {
  name: "platform-shared-runner-01",
  address: "10.10.0.41",
  user: "opsadmin",
  prefix: "/opt/hybridops/core",
} as const;

/** The foundation's stack with the cluster. */
const foundation = "shared";

/** Brings up toolchain and site, and opens the operator's clone on its workstation. Its addresses are static. */
export async function openRunnerSite(name: string): Promise<PoolWorkspace> {
  const toolchain = await ensureToolchain(["pulumi", "proxmoxve"]);
  const site = await step(`Site ${name}`, () => proxmoxSiteUp({ name, netbox: false }));
  const workspace = openWorkspace(site, toolchain);
  Object.assign(workspace.env, { SSL_CERT_FILE: site.proxmox.certificateFile });
  return workspace;
}

/** A command of holdfast on the workstation, in the operator's clone. */
export function holdfast(
  { directory: cwd, env, site }: PoolWorkspace,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const bounded = { timeoutMs: 20 * 60_000, ...options, cwd, env: { ...env, ...options.env } };
  return site.workstation.run("node", ["cli/holdfast.js", ...args], bounded);
}

/** A verb on the environment's copy of the blueprint. */
export function blueprint(
  workspace: PoolWorkspace,
  verb: string,
  more: readonly string[] = [],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const args = ["blueprint", verb, "--env", flow.env, "--file", copyOf(workspace), ...more];
  return holdfast(workspace, args, options);
}

/** Path of the environment's copy. */
export function copyOf({ env }: PoolWorkspace): string {
  return `${env.HOME}/.hybridops/envs/${flow.env}/config/blueprints/${flow.copy}`;
}

/** Records the cluster in the foundation, once for a site. */
export async function recordCluster(workspace: PoolWorkspace): Promise<void> {
  const { proxmox } = workspace.site;
  await step("holdfast init proxmox", async () => {
    await configureStack(workspace, ".", foundation, { "site.id": "lab", "site.env": foundation });
    const cluster = ["--endpoint", proxmox.url, "--node", "pve1", "--storage", "local-lvm", "--storage", "local"];
    const args = ["init", "proxmox", ...cluster, "--bastion", proxmox.address, "--stack", foundation];
    await holdfast(workspace, args, { env: { PROXMOX_VE_API_TOKEN: tokenOf(workspace) } });
  });
  await step(`pulumi up: foundation/${foundation}`, async (report) => {
    report.detail(await deploy(workspace, ".", foundation));
  });
}

/** Validates the shipped blueprint and makes the environment's copy, its placeholders not filled in yet. */
export async function copyBlueprint(workspace: PoolWorkspace): Promise<void> {
  await step("holdfast blueprint init", async (report) => {
    await holdfast(workspace, ["blueprint", "validate", "--ref", flow.ref]);
    const args = ["blueprint", "init", "--env", flow.env, "--ref", flow.ref, "--dest-name", flow.copy];
    const { stdout } = await holdfast(workspace, args);
    report.detail(stdout.split("\n")[0] ?? "");
  });
}

/** Fills the copy in, as an editor would: its placeholders, the image, and that the lab has a Debian. */
export function fillIn(workspace: PoolWorkspace): void {
  const path = copyOf(workspace);
  const { address: gateway, prefix } = managementBridge;
  const text = readFileSync(path, "utf8")
    .replaceAll("CHANGE_ME_RUNNER_IP_CIDR", `${runner.address}/${prefix}`)
    .replaceAll("CHANGE_ME_RUNNER_GATEWAY", gateway);
  const document = parseDocument(text);
  const { url, sha256 } = pretendImage;
  for (const [key, value] of Object.entries({ node_name: "pve1", url, sha256 }))
    document.setIn(["steps", 0, "config", key], value);
  document.setIn(["steps", 2, "config", "runner_os"], "debian");
  writeFileSync(path, document.toString(), { mode: 0o600 });
}

/** Gives the stacks that need it the token of Proxmox VE, by standard input. */
export async function giveSecrets(workspace: PoolWorkspace): Promise<void> {
  await step("holdfast secrets ensure", async () => {
    for (const place of [stacks.template, stacks.vm]) {
      const [project = "", stack = ""] = place.split("/");
      await pulumi(workspace, project, ["stack", "init", "--no-select", stack]);
      const input = `proxmox.token=${tokenOf(workspace)}\n`;
      await holdfast(workspace, ["secrets", "ensure", "--stdin", place], { input });
    }
  });
}

/** `status` of a module's state, as `holdfast state show` derives it. */
export async function statusOf(workspace: PoolWorkspace, module: string): Promise<string> {
  const args = ["state", "show", "--env", flow.env, "--json", "--module", module];
  const { stdout } = await holdfast(workspace, args, { check: false });
  return (JSON.parse(stdout) as { status: string }).status;
}

/**
 * Runs a shell command on the runner VM, beside any SSH.
 * @param user default: root.
 */
export async function onRunner(
  workspace: PoolWorkspace,
  command: string,
  { user = "root", ...options }: CommandOptions & { user?: string } = {},
): Promise<CommandResult> {
  const vmid = (await listVms(workspace)).find(({ name }) => name === runner.name)?.vmid;
  if (vmid === undefined) throw new Failure(`the cluster has no VM ${runner.name}`, "deploy the blueprint first");
  const system = { layout: layoutOf(workspace.site.name), part: `vm${vmid}` as const, image: "", ...sshdProcess };
  const shell = user === "root" ? ["-c", command] : ["-c", 'exec su - "$0" -c "$1"', user, command];
  return execInRoot(system, "/bin/sh", shell, { timeoutMs: 120_000, ...options });
}

/** An administrator's token for Proxmox VE. */
export function tokenOf({ site }: PoolWorkspace): string {
  return readFileSync(site.proxmox.tokenFile, "utf8");
}
