/**
 * The operations toolchain on a runner VM as programs see it.
 */
import * as pulumi from "@pulumi/pulumi";
import type { SshTarget } from "../../lib/ssh/dial.ts";

/** Inputs; see provider/runner/operations-inputs.ts. */
export interface OperationsToolchainArgs {
  /** Owner mark of the stack. */
  owner: string;
  /** Logical name of the VM, for example `runner-01`. */
  vm: string;
  /** Digest of what makes it this machine and no other. */
  identity: string;
  /** How to log in; its user is who uses the toolchain. */
  target: SshTarget;
  /** Whether the straight way may be taken. */
  direct: boolean;
  jump?: SshTarget | undefined;
  bastion?: SshTarget | undefined;
  /** Bound on one stage of one attempt to log in, in seconds. */
  timeoutSeconds: number;
  /** How long logging in may take, in seconds. */
  waitSeconds: number;
  /** `absent` removes whatever was installed. */
  state: "present" | "absent";
  /** Directory of the toolchain. */
  prefix: string;
  os: "ubuntu-lts" | "debian";
  /** The archive by its SHA-256, and where the VM fetches it; without an address it is sent from this workstation. */
  release?: { sha256: string; url?: string } | undefined;
  systemLink: boolean;
  gatewayPorts: boolean;
}

/** The operations toolchain on a runner VM; deleting it removes it, and never waits long for a VM that is gone. */
export class OperationsToolchain extends pulumi.CustomResource {
  declare readonly status: pulumi.Output<"ok" | "absent" | "error">;
  /** What `holdfast --version` and `pulumi version` said on the VM. */
  declare readonly version: pulumi.Output<string>;
  /** The VM's public SSH host key that was met. */
  declare readonly hostKey: pulumi.Output<string>;
  declare readonly runId: pulumi.Output<string>;
  declare readonly evidenceDir: pulumi.Output<string>;

  constructor(name: string, args: OperationsToolchainArgs, opts: pulumi.CustomResourceOptions) {
    const computed = {
      ...{ status: undefined, version: undefined, hostKey: undefined, route: undefined },
      ...{ runId: undefined, evidenceDir: undefined, forcedRun: undefined },
    };
    super("holdfast:runner:OperationsToolchain", name, { ...args, ...computed }, opts);
  }
}
