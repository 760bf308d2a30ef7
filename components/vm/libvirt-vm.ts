/**
 * A VM on a libvirt host: base volume, root disk over it, cloud-init disk, domain. It is not waited for here: whoever
 * needs it dials it with patience.
 */
import * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";
import { ownerDescription } from "../../lib/owner-mark.ts";
import { Resource } from "../../resources/sdk.ts";
import { hostKeyKind } from "../../resources/ssh/host-key.ts";
import type { ComponentOptions } from "../component-options.ts";
import { tapStylesheet } from "../fence/tap.ts";
import { metaData, type Network, networkConfig, userData } from "./cloud-init.ts";
import { macAddress, vmNames } from "./plan.ts";

/** What a VM is made of. */
export interface LibvirtVmArgs {
  /** Name of the domain and of the machine, for example `foundation-runner-02`. */
  vmName: string;
  /** Owner mark; stands in the domain's description. */
  owner: string;
  /** Storage pool for all volumes, for example `images`. */
  pool: string;
  /** Bridge that the network card joins, for example `br0`. */
  bridge: string;
  /** Image of the root disk. */
  image: {
    /** Path of the verified image on this workstation. It differs per workstation and is never compared. */
    path: pulumi.Input<string>;
    /** SHA-256 in hexadecimal: another digest makes another VM. */
    sha256: string;
  };
  /** `kvm`, or `qemu` where the host cannot virtualise (ten times slower). */
  domainType: "kvm" | "qemu";
  /** Virtual processors. */
  vcpus: number;
  /** Memory in MiB. */
  memoryMb: number;
  /** Root disk in GiB; the image's file system grows into it at first boot. */
  diskGb: number;
  network: pulumi.Input<Network>;
  /** Address of the network card, lower case. @default made from owner mark and name */
  mac?: string | undefined;
  /** Name of its tap on the host. @default libvirt's own, such as `vnet3` */
  tap?: string | undefined;
  /** User that logs in and may use `sudo`; root has no key then. @default root itself */
  login?: string | undefined;
  /** Public keys that may log in. */
  authorizedKeys: string[];
  /** Debian packages that cloud-init installs. @default it does not look for any */
  packages?: string[] | undefined;
  /** systemd units that cloud-init enables. @default none */
  services?: string[] | undefined;
  /** cloud-init's id of the instance: another one makes it run again. @default the VM's name */
  instance?: pulumi.Input<string> | undefined;
  /** Whether the VM starts with its host. @default true */
  autostart?: boolean | undefined;
  /** Whether Pulumi refuses to remove the VM and its disk. @default false */
  protect?: boolean | undefined;
}

/** A VM on a libvirt host. */
export class LibvirtVm extends pulumi.ComponentResource {
  /** Libvirt's UUID of the domain; another VM has another one. */
  readonly vmId: pulumi.Output<string>;
  /** Public SSH host key that the VM answers with. */
  readonly hostKey: pulumi.Output<string>;
  /** The domain, for `dependsOn`. */
  readonly domain: libvirt.Domain;

  constructor(name: string, args: LibvirtVmArgs, opts: ComponentOptions<"libvirt" | "holdfast">) {
    super("holdfast:components:LibvirtVm", name, {}, opts);
    const child = { parent: this };
    const kept = { ...child, deleteBeforeReplace: true, ...(args.protect ? { protect: true } : {}) };
    const names = vmNames(args.vmName, args.image.sha256);

    const hostKey = new Resource(hostKeyKind, `${name}-host-key`, { comment: args.vmName }, child);
    const base = new libvirt.Volume(
      `${name}-base`,
      { name: names.base, pool: args.pool, source: args.image.path, format: "qcow2" },
      { ...child, ignoreChanges: ["source"] },
    );
    const root = new libvirt.Volume(
      `${name}-root`,
      { name: names.root, pool: args.pool, baseVolumeId: base.id, format: "qcow2", size: args.diskGb * 1024 ** 3 },
      kept,
    );
    const seed = new libvirt.CloudinitDisk(
      `${name}-seed`,
      {
        name: names.seed,
        pool: args.pool,
        userData: pulumi.secret(
          pulumi.all([hostKey.privateKey, hostKey.publicKey]).apply(([privateKey, publicKey]) =>
            userData({
              hostName: args.vmName,
              login: args.login,
              authorizedKeys: args.authorizedKeys,
              hostKey: { privateKey, publicKey },
              packages: args.packages,
              services: args.services,
            }),
          ),
        ),
        metaData: pulumi.output(args.instance).apply((instance) => metaData(args.vmName, instance)),
        networkConfig: pulumi.output(args.network).apply(networkConfig),
      },
      { ...child, deleteBeforeReplace: true },
    );
    this.domain = new libvirt.Domain(`${name}-domain`, domainArgs(args, [root.id, seed.id.apply(volumeKey)]), {
      ...kept,
      // The provider would call another bridge an update in place, and leave the card where it is.
      replaceOnChanges: ["networkInterfaces"],
      // It would replace a VM for it. One that stands without it gets the name at its next start, by its fence.
      ignoreChanges: ["xml"],
    });
    this.vmId = this.domain.id;
    this.hostKey = hostKey.publicKey;
    this.registerOutputs({ vmId: this.vmId, hostKey: this.hostKey });
  }
}

/** Key of the volume in the id of a cloud-init disk, which is `<key>;<uuid>`. */
function volumeKey(cloudInitDiskId: string): string {
  return cloudInitDiskId.split(";")[0] ?? cloudInitDiskId;
}

function domainArgs(args: LibvirtVmArgs, disks: pulumi.Output<string>[]): libvirt.DomainArgs {
  return {
    name: args.vmName,
    description: ownerDescription(args.owner),
    type: args.domainType,
    vcpu: args.vcpus,
    memory: args.memoryMb,
    autostart: args.autostart ?? true,
    running: true,
    // Emulation refuses host-passthrough; libvirt's own default model is right there.
    ...(args.domainType === "kvm" ? { cpu: { mode: "host-passthrough" } } : {}),
    // The seed is a virtio disk like the root, not the provider's IDE drive: a guest without that driver, or one that loads
    // it a moment too late, finds no seed, and comes up with no key and no address.
    disks: disks.map((volumeId) => ({ volumeId })),
    networkInterfaces: [{ bridge: args.bridge, mac: args.mac ?? macAddress(args.owner, args.vmName) }],
    ...(args.tap ? { xml: { xslt: tapStylesheet(args.tap) } } : {}),
    // A pty, not a file: `virsh console` must work when the network does not.
    consoles: [{ type: "pty", targetType: "serial", targetPort: "0" }],
    // The provider's default is spice, which a minimal QEMU refuses.
    graphics: { type: "vnc", listenType: "address", listenAddress: "127.0.0.1", autoport: true },
    // The agent comes with cloud-init; waiting for it at create blocks for ever where that goes wrong.
    qemuAgent: false,
  };
}
