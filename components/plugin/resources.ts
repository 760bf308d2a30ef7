/**
 * The plugin `holdfast` as programs see it: its provider, its resources and its functions, typed.
 */
import * as pulumi from "@pulumi/pulumi";
import { ProgramError } from "../../lib/program-error.ts";
import type { EgressPolicy } from "../fence/policy.ts";
import type { PreflightArgs, PreflightFound } from "../preflight/args.ts";

/** Where to connect over SSH; see `SshTarget` in lib/ssh. */
export interface SshTargetArgs {
  host: pulumi.Input<string>;
  port: pulumi.Input<number>;
  user: pulumi.Input<string>;
  hostKey?: pulumi.Input<string> | undefined;
  stack: pulumi.Input<string>;
}

/** Configuration of the plugin. */
export interface HoldfastProviderArgs {
  /** API token of the forge; kept as a secret. */
  forgeToken?: pulumi.Input<string> | undefined;
  /** Base URL of the forge that the token belongs to: it is sent nowhere else. */
  forgeUrl?: pulumi.Input<string> | undefined;
  /**
   * Hypervisors that the stack's libvirt provider connects to. A workstation that never met one takes its host key from
   * here, and a libvirt that does not answer there ends the command instead of holding it for ever.
   */
  hypervisors?: (SshTargetArgs & { hostKey: string })[] | undefined;
  /**
   * Addresses of the site's own machines, each with whose it is: `{ "192.168.1.1": "the gateway of lan" }`. A VM that says it is
   * at one of them is refused.
   */
  siteAddresses?: Readonly<Record<string, string>> | undefined;
  /** URL of the Proxmox VE API. */
  proxmoxEndpoint?: pulumi.Input<string> | undefined;
  /** API token for Proxmox VE; kept as a secret. */
  proxmoxToken?: pulumi.Input<string> | undefined;
  /** Whether a certificate that nobody vouches for is taken there. */
  proxmoxInsecure?: boolean | undefined;
  /** Base URL of NetBox, without `/api`. */
  netboxUrl?: pulumi.Input<string> | undefined;
  /** API token for NetBox; kept as a secret. */
  netboxToken?: pulumi.Input<string> | undefined;
  /** Ways to NetBox over SSH where it does not answer directly, the first one first. */
  netboxJumps?: SshTargetArgs[] | undefined;
}

/** The plugin's provider. Constructed explicitly, in one place a program; default providers are denied. */
export class HoldfastProvider extends pulumi.ProviderResource {
  constructor(name: string, args: HoldfastProviderArgs, opts?: pulumi.ResourceOptions) {
    const { forgeToken, forgeUrl, hypervisors, proxmoxEndpoint, proxmoxToken, proxmoxInsecure } = args;
    const { netboxUrl, netboxToken, netboxJumps, siteAddresses = {} } = args;
    super(
      "holdfast",
      name,
      {
        ...(forgeToken === undefined ? {} : { forgeToken: pulumi.secret(forgeToken) }),
        ...(forgeUrl === undefined ? {} : { forgeUrl }),
        ...(hypervisors ? { hypervisors } : {}),
        ...(Object.keys(siteAddresses).length > 0 ? { siteAddresses } : {}),
        ...(proxmoxEndpoint === undefined ? {} : { proxmoxEndpoint }),
        ...(proxmoxToken === undefined ? {} : { proxmoxToken: pulumi.secret(proxmoxToken) }),
        ...(proxmoxInsecure === undefined ? {} : { proxmoxInsecure }),
        ...(netboxUrl === undefined ? {} : { netboxUrl }),
        ...(netboxToken === undefined ? {} : { netboxToken: pulumi.secret(netboxToken) }),
        ...(netboxJumps?.length ? { netboxJumps } : {}),
      },
      opts,
    );
  }
}

/** An SSH host key for a machine that we make. */
export class HostKey extends pulumi.CustomResource {
  /** `ssh-ed25519 AAAA… comment`. */
  declare readonly publicKey: pulumi.Output<string>;
  /** OpenSSH format; secret. */
  declare readonly privateKey: pulumi.Output<string>;

  constructor(name: string, args: { comment: pulumi.Input<string> }, opts: pulumi.CustomResourceOptions) {
    super("holdfast:ssh:HostKey", name, { ...args, publicKey: undefined, privateKey: undefined }, opts);
  }
}

/** Inputs of the bridge rule. */
export interface BridgeForwardRuleArgs {
  host: SshTargetArgs;
  bridge: pulumi.Input<string>;
  owner: pulumi.Input<string>;
}

/** The rule that opens a VM bridge on a hypervisor, with the timer that puts it back. */
export class BridgeForwardRule extends pulumi.CustomResource {
  constructor(name: string, args: BridgeForwardRuleArgs, opts: pulumi.CustomResourceOptions) {
    super("holdfast:host:BridgeForward", name, { ...args }, opts);
  }
}

/** Inputs of the egress fence on a hypervisor. */
export interface EgressFenceArgs {
  host: SshTargetArgs;
  owner: pulumi.Input<string>;
  /** MAC address of the VM's card. */
  mac: pulumi.Input<string>;
  policy: EgressPolicy;
  /** Name of its tap; see `tapName`. */
  tap: string;
  /** Its static address; undefined with DHCP. */
  address?: string | undefined;
  /** Machines of the site that it must not pass itself off as while no lease of it is known; see `knownMachines`. */
  known: string[];
}

/** What keeps a VM's jobs off the LAN, on the hypervisor's bridge, with the timer that puts it back. */
export class EgressFence extends pulumi.CustomResource {
  constructor(name: string, args: EgressFenceArgs, opts: pulumi.CustomResourceOptions) {
    super("holdfast:host:EgressFence", name, { ...args }, opts);
  }
}

/** Inputs of a registration. */
export interface RunnerRegistrationArgs {
  forgeUrl: pulumi.Input<string>;
  scope: pulumi.Input<string>;
  name: pulumi.Input<string>;
  owner: pulumi.Input<string>;
  forgeHost?: SshTargetArgs & { command: pulumi.Input<string> };
}

/** One runner's row on the forge; deleting it deregisters. */
export class RunnerRegistration extends pulumi.CustomResource {
  declare readonly uuid: pulumi.Output<string>;
  /** The runner's own token; secret. */
  declare readonly token: pulumi.Output<string>;

  constructor(name: string, args: RunnerRegistrationArgs, opts: pulumi.CustomResourceOptions) {
    super(
      "holdfast:forge:RunnerRegistration",
      name,
      { ...args, uuid: undefined, token: undefined, runnerId: undefined },
      { ...opts, additionalSecretOutputs: ["token"] },
    );
  }
}

/** Inputs of a runner's service. */
export interface RunnerServiceArgs {
  vmId: pulumi.Input<string>;
  vm: Omit<SshTargetArgs, "host"> & { host?: pulumi.Input<string> };
  hypervisor: SshTargetArgs;
  domain: pulumi.Input<string>;
  dialErrorLimit: pulumi.Input<number>;
  uuid: pulumi.Input<string>;
  token: pulumi.Input<string>;
  name: pulumi.Input<string>;
  forgeUrl: pulumi.Input<string>;
  labels: pulumi.Input<string[]>;
  jobImage: pulumi.Input<string>;
  capacity: pulumi.Input<number>;
  drainSeconds: pulumi.Input<number>;
  execution: { kind: "binary"; url: string; sha256: string } | { kind: "container"; image: string };
  /** What jobs may reach; absent: everything that the VM can. */
  egress?: EgressPolicy | undefined;
}

/** The runner's daemon on its VM; deleting it drains. */
export class RunnerService extends pulumi.CustomResource {
  /** The VM's address, configured or by DHCP. */
  declare readonly address: pulumi.Output<string>;
  /** References by digest of the images that are configured by tag, by what is configured. */
  declare readonly resolvedImages: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: RunnerServiceArgs, opts: pulumi.CustomResourceOptions) {
    super("holdfast:runner:Service", name, { ...args, address: undefined, resolvedImages: undefined }, opts);
  }
}

/**
 * Looks at host, workstation and forge, in previews too, and pins the host's key.
 * @returns the host's address, so that whatever depends on this waits for it, and whether the image is needed.
 * @throws when something is missing, listing all of it; nothing was changed then.
 */
export function preflight(args: PreflightArgs, opts: pulumi.InvokeOptions): Promise<PreflightFound> {
  const asked = { ...args, update: !pulumi.runtime.isDryRun() };
  return pulumi.runtime.invoke("holdfast:host:preflight", asked, opts).catch(ProgramError.rethrow);
}

/** Inputs of the readiness gate; see provider/ssh/readiness.ts. */
export interface ReadinessArgs {
  stack: string;
  required: boolean;
  targets: pulumi.Input<
    pulumi.Input<{
      name: string;
      host: pulumi.Input<string>;
      port: number;
      user: string;
      hostKey?: pulumi.Input<string>;
      identity: pulumi.Input<string>;
    }>[]
  >;
  jump?: SshTargetArgs | undefined;
  bastion?: SshTargetArgs | undefined;
  /** Seconds that one stage of one attempt may take. */
  timeoutSeconds: number;
  /** Seconds that each machine may take. */
  waitSeconds: number;
}

/** The gate behind a pool's VMs: an update whose VMs cannot be worked on fails. */
export class Readiness extends pulumi.CustomResource {
  declare readonly status: pulumi.Output<"ok" | "error" | "skipped">;
  declare readonly runId: pulumi.Output<string>;
  declare readonly evidenceDir: pulumi.Output<string>;

  constructor(name: string, args: ReadinessArgs, opts: pulumi.CustomResourceOptions) {
    const computed = { status: undefined, results: undefined, runId: undefined, evidenceDir: undefined };
    super("holdfast:ssh:Readiness", name, { ...args, ...computed }, opts);
  }
}
