/**
 * What the plugin `holdfast` does on Proxmox VE, as programs see it: its resources and its function, typed. Where the API is
 * and with which token it is asked stands in the plugin's provider.
 */
import * as pulumi from "@pulumi/pulumi";
import { ProgramError } from "../../lib/program-error.ts";
import type { PoolPreflightArgs, ProxmoxPreflightArgs } from "../preflight/proxmox-args.ts";
import type { SshTargetArgs } from "./resources.ts";

/** How templates are tried; see `post_build_smoke` in template-image. */
export interface SmokeSettings {
  enabled: boolean;
  required: boolean;
  timeout_s: number;
  clone_timeout_s: number;
  ssh_login: "required" | "if-reachable" | "off";
  ssh_username: string;
}

/** Which template. */
interface TemplatePlace {
  node: pulumi.Input<string>;
  vmId: pulumi.Input<number>;
  templateName: pulumi.Input<string>;
  owner: pulumi.Input<string>;
}

/** Inputs of the guard. */
export interface TemplateGuardArgs extends TemplatePlace {
  allowDestroyWithClones: pulumi.Input<boolean>;
}

/** Keeps a template while VMs are linked to it: deleting this resource, which comes first, fails then. */
export class TemplateGuard extends pulumi.CustomResource {
  constructor(name: string, args: TemplateGuardArgs, opts: pulumi.CustomResourceOptions) {
    super("holdfast:proxmox:TemplateGuard", name, { ...args }, opts);
  }
}

/** Inputs of the test. */
export interface TemplateSmokeArgs extends TemplatePlace, Omit<SmokeSettings, "enabled"> {
  /** Template key. */
  key: pulumi.Input<string>;
  /** Of the template's image. */
  digest: pulumi.Input<string>;
  /** `<project>/<stack>`. */
  stack: pulumi.Input<string>;
}

/** The test of a new template: a clone of it boots, gets an address, takes a login, and is destroyed. */
export class TemplateSmoke extends pulumi.CustomResource {
  /** `ok` or `error`. */
  declare readonly status: pulumi.Output<string>;
  /** Of the run that tried it; empty where no evidence could be written. */
  declare readonly evidenceDir: pulumi.Output<string>;

  constructor(name: string, args: TemplateSmokeArgs, opts: pulumi.CustomResourceOptions) {
    super(
      "holdfast:proxmox:TemplateSmoke",
      name,
      { ...args, status: undefined, runId: undefined, evidenceDir: undefined },
      opts,
    );
  }
}

/** Inputs of a pool's guard. */
export interface PoolGuardArgs {
  /** Owner mark of the pool. */
  owner: string;
  vms: { key: string; name: string; vmId: pulumi.Input<number> }[];
}

/** Keeps VMs that took an id of the pool's: deleting this resource, which comes before its VMs, fails then. */
export class PoolGuard extends pulumi.CustomResource {
  constructor(name: string, args: PoolGuardArgs, opts: pulumi.CustomResourceOptions) {
    super("holdfast:proxmox:PoolGuard", name, { ...args }, opts);
  }
}

/**
 * Looks at the cluster, in previews too.
 * @returns the version of Proxmox VE.
 * @throws when something is missing or in the way, listing all of it; nothing was changed then.
 */
export function proxmoxPreflight(args: ProxmoxPreflightArgs, opts: pulumi.InvokeOptions): Promise<{ version: string }> {
  return pulumi.runtime.invoke("holdfast:proxmox:preflight", args, opts).catch(ProgramError.rethrow);
}

/** Inputs of a snippet; see provider/proxmox/snippet.ts. */
export interface SnippetArgs {
  /** The Proxmox host. */
  host: SshTargetArgs;
  storage: string;
  directory: string;
  name: pulumi.Input<string>;
  /** Kept as a secret. */
  content: pulumi.Input<string>;
}

/** User data of a VM, as a file on a storage. */
export class Snippet extends pulumi.CustomResource {
  /** As a VM's configuration names it. */
  declare readonly volumeId: pulumi.Output<string>;

  constructor(name: string, args: SnippetArgs, opts: pulumi.CustomResourceOptions) {
    super(
      "holdfast:proxmox:Snippet",
      name,
      { ...args, content: pulumi.secret(args.content), volumeId: undefined },
      { ...opts, additionalSecretOutputs: ["content"] },
    );
  }
}

/**
 * Looks at the cluster before a pool's VMs are made, in previews too. An update removes the clones that one left which was cut
 * off before it configured them.
 * @returns where snippets are put, where some are wanted.
 * @throws when a VM is in the way or a template is not there, listing all of it; nothing was changed then.
 */
export function poolPreflight(
  args: PoolPreflightArgs,
  opts: pulumi.InvokeOptions,
): Promise<{ snippetsDirectory?: string }> {
  const asked = { ...args, update: !pulumi.runtime.isDryRun() };
  return pulumi.runtime.invoke("holdfast:proxmox:poolPreflight", asked, opts).catch(ProgramError.rethrow);
}
