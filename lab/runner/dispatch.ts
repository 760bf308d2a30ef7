/**
 * Work for the operations runner of the lab: a second blueprint, with a pool whose VM is `pgha-01`, dispatched to it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { stringify } from "yaml";
import type { CommandOptions, CommandResult } from "../command.ts";
import type { PoolWorkspace } from "../pool/demo.ts";
import { managementBridge } from "../pool/host.ts";
import { pulumi } from "../workspace.ts";
import { flow, holdfast, stacks, tokenOf } from "./demo.ts";

/** The second blueprint: its ref, and the VM that it makes. */
export const work = {
  ref: "platform/pgha@v1",
  stack: "platform-vm/dev-pgha",
  key: "pgha-01",
  name: "dev-pgha-01",
  address: "10.10.0.51",
} as const;

/** Path of its file on the workstation. */
export function workFile({ env }: PoolWorkspace): string {
  return `${env.HOME}/.hybridops/envs/${flow.env}/config/blueprints/pgha.yml`;
}

/** Writes the blueprint, makes its stack, and gives that the token of Proxmox VE. */
export async function prepareWork(workspace: PoolWorkspace): Promise<void> {
  const { address: gateway, prefix, name: bridge } = managementBridge;
  const step = {
    ...{ id: "pgha", project: "platform-vm", secrets: ["proxmox.token"] },
    config: {
      ...{ env: flow.env, "site.stack": "shared", require_ipam: false, template_key: "ubuntu-22.04" },
      ...{ template_state_ref: stacks.template, ssh_username: "opsadmin", ssh_proxy_jump_user: "root" },
      post_apply_ssh_readiness: { enabled: true, required: true, connectivity_wait_s: 120 },
      vms: {
        [work.key]: { role: "pgha", interfaces: [{ bridge, ipv4: { address: `${work.address}/${prefix}`, gateway } }] },
      },
    },
  };
  const path = workFile(workspace);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, stringify({ kind: "Blueprint", ref: work.ref, steps: [step] }), { mode: 0o600 });
  const [project = "", stack = ""] = work.stack.split("/");
  await pulumi(workspace, project, ["stack", "init", "--no-select", stack]);
  await holdfast(workspace, ["secrets", "ensure", "--stdin", work.stack], {
    input: `proxmox.token=${tokenOf(workspace)}\n`,
  });
}

/** Dispatches a verb on the second blueprint to the runner. */
export function dispatch(
  workspace: PoolWorkspace,
  verb: string,
  { before = [], ...options }: CommandOptions & { before?: readonly string[] } = {},
): Promise<CommandResult> {
  const [, runner = ""] = stacks.bootstrap.split("/");
  const command = ["blueprint", verb, "--env", flow.env, "--file", workFile(workspace)];
  const changes = verb === "preflight" ? [] : ["--execute"];
  return holdfast(workspace, ["dispatch", "--runner", runner, ...before, "--", ...command, ...changes], options);
}
