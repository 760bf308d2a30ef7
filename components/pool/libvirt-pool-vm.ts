/**
 * A pool's VM on a libvirt host: the fleet's own VM, made of the pool's terms, and what the pool's contract says of it.
 */
import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import type { ComponentOptions } from "../component-options.ts";
import { LibvirtVm, type LibvirtVmArgs } from "../vm/libvirt-vm.ts";
import { macAddress } from "../vm/plan.ts";
import { identityDigest } from "./identity.ts";
import { libvirtPoolVmType } from "./state-names.ts";

/** What a pool's VM is made of. */
export interface LibvirtPoolVmArgs
  extends Pick<
    LibvirtVmArgs,
    "vmName" | "owner" | "pool" | "bridge" | "image" | "domainType" | "memoryMb" | "diskGb" | "mac"
  > {
  /** Address of the libvirt host. */
  node: string;
  cpuCores: number;
  /** Address with prefix length. */
  cidr: pulumi.Input<string>;
  gateway: string;
  dns: { domain: string; servers: string[] };
  /** Who logs in. */
  user: { name: string; keys: string[] };
  /** Whether it starts with the host. */
  onBoot: boolean;
  /** Whether Pulumi refuses to remove it and its disk. */
  protect: boolean;
}

/** A pool's VM on a libvirt host. */
export class LibvirtPoolVm extends pulumi.ComponentResource {
  /** UUID of the domain. */
  readonly vmId: pulumi.Output<string>;
  /** IPv4, without prefix length. */
  readonly address: pulumi.Output<string>;
  readonly mac: string;
  /** Digest of what makes it this machine: another domain, image, address or card has another. */
  readonly identity: pulumi.Output<string>;
  /** Public SSH host key that it answers with. */
  readonly hostKey: pulumi.Output<string>;

  constructor(name: string, args: LibvirtPoolVmArgs, opts: ComponentOptions<"libvirt" | "holdfast">) {
    super(libvirtPoolVmType, name, {}, opts);
    const { vmName, owner, image, node, gateway } = args;
    const vm = new LibvirtVm(`${name}-vm`, vmArgs(args), { parent: this, providers: opts.providers });
    const address = pulumi.output(args.cidr).apply((cidr) => cidr.split("/")[0] ?? "");
    const mac = args.mac ?? macAddress(owner, vmName);
    this.vmId = vm.vmId;
    this.hostKey = vm.hostKey;
    this.address = address;
    this.mac = mac;
    this.identity = pulumi
      .all([vm.vmId, address])
      .apply(([vmId, address]) => identityDigest({ vmId, node, address, mac, gateway, template: image.sha256 }));
    this.registerOutputs({ vmId: this.vmId, node, address, mac, identity: this.identity });
  }
}

function vmArgs({ cpuCores, cidr, gateway, dns, user, onBoot, ...args }: LibvirtPoolVmArgs): LibvirtVmArgs {
  const network = pulumi
    .output(cidr)
    .apply((cidr) => ({ kind: "static" as const, cidr, gateway, dns: dns.servers, domain: dns.domain }));
  return {
    ...args,
    vcpus: cpuCores,
    network,
    login: user.name,
    authorizedKeys: user.keys,
    instance: network.apply((network) => instanceOf(args.vmName, { network, user })),
    autostart: onBoot,
  };
}

/** Id of the instance: changes with what cloud-init sets up, which then runs again, as it does on Proxmox VE. */
function instanceOf(vmName: string, settings: object): string {
  return `${vmName}-${createHash("sha256").update(JSON.stringify(settings)).digest("hex").slice(0, 12)}`;
}
