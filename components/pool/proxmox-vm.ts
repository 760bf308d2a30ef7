/**
 * A VM on Proxmox VE: a full clone of a template with the sizes, cards and cloud-init settings of its own, and where there is a
 * place for its user data, with a host key of ours. It is not waited for beyond its guest agent; the readiness gate does that.
 */
import { createHash } from "node:crypto";
import * as proxmox from "@pulumi/proxmoxve";
import * as pulumi from "@pulumi/pulumi";
import { ownerDescription, proxmoxTag } from "../../lib/owner-mark.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import { snippetKind } from "../../resources/proxmox/snippet.ts";
import { Resource } from "../../resources/sdk.ts";
import { hostKeyKind } from "../../resources/ssh/host-key.ts";
import type { ComponentOptions } from "../component-options.ts";
import { userData } from "../vm/cloud-init.ts";
import { addressOf, identityDigest } from "./identity.ts";
import type { TemplateChoice } from "./templates.ts";

/** A network card. */
export interface ProxmoxNic {
  bridge: string;
  /** 1 to 4094. @default untagged */
  vlanId?: number;
  /** Upper case. @default the hypervisor makes one up */
  macAddress?: string;
  /** With prefix length, or `dhcp`. @default no address of ours */
  address?: pulumi.Input<string>;
  gateway?: string;
}

/** What a VM is made of. */
export interface ProxmoxVmArgs {
  /** Physical name, for example `dev-pgha-01`. */
  vmName: string;
  /** Owner mark; becomes a tag. */
  owner: string;
  /** Id. @default the next free one */
  vmId?: number;
  template: TemplateChoice;
  /** Node that carries the VM. */
  nodeName: string;
  /** Storage of its disk. */
  datastoreId: string;
  cpuCores: number;
  /** For example `host`. */
  cpuType: string;
  /** MiB. */
  memoryMb: number;
  /** GiB. */
  diskGb: number;
  nics: ProxmoxNic[];
  /** Beside the owner's. */
  tags: string[];
  onBoot: boolean;
  /** Order in which the node starts its VMs. @default no order */
  startupOrder?: number;
  /** Whether Pulumi and Proxmox refuse to remove it. */
  protect: boolean;
  /** Whether the guest agent reports addresses. */
  agent: boolean;
  dns: { domain: string; servers: string[] };
  user: { name: string; keys: string[] };
  /** Where its user data goes. Absent: Proxmox VE makes that up, and the VM makes its host keys. */
  snippets?: SnippetPlace | undefined;
}

/** What a VM has. */
export interface ProxmoxHardware {
  cores: number;
  /** MiB. */
  memoryMb: number;
  disks: { name: string; sizeGb: number }[];
  /** Of all cards, in their order. */
  macs: string[];
}

/** Where user data goes. */
export interface SnippetPlace {
  /** Logical name of the VM. */
  key: string;
  storage: string;
  /** The storage's own directory of snippets. */
  directory: string;
  /** The Proxmox host, which writes it. */
  host: SshTarget;
}

/** Seconds that a clone gets until its agent has reported an address; a gate follows, so that this need not be long. */
const agentSeconds = 120;

/** A VM on Proxmox VE. */
export class ProxmoxVm extends pulumi.ComponentResource {
  readonly vmId: pulumi.Output<number>;
  readonly nodeName: pulumi.Output<string>;
  /** IPv4, without prefix length: the configured one, else the agent's; empty where neither is known. */
  readonly address: pulumi.Output<string>;
  /** MAC address of the first card. */
  readonly mac: pulumi.Output<string>;
  /** Digest of what makes it this machine: another clone, address or card has another. */
  readonly identity: pulumi.Output<string>;
  /** Public SSH host key that it answers with, where we made it. */
  readonly hostKey: pulumi.Output<string> | undefined;
  /** As Proxmox VE has it: cores, memory in MiB, disks in GiB by interface, MAC addresses of all cards. */
  readonly hardware: pulumi.Output<ProxmoxHardware>;

  constructor(name: string, args: ProxmoxVmArgs, opts: ComponentOptions<"proxmoxve" | "holdfast">) {
    super("holdfast:components:ProxmoxVm", name, {}, opts);
    const own = args.snippets && this.ownUserData(name, args, args.snippets);
    this.hostKey = own?.hostKey;
    const vm = new proxmox.VmLegacy(`${name}-vm`, vmArgs(args, own?.volumeId), {
      parent: this,
      protect: args.protect,
      deleteBeforeReplace: true,
      // The provider reports this one as zeros and would call it a difference at every preview.
      ignoreChanges: [
        "disks[0].speed",
        // What it was made from. A template that is built anew has another id, for which the provider would destroy every clone.
        "clone",
        // Of its first boot alone, and the provider would destroy the VM for another.
        ...(own ? ["initialization.vendorDataFileId"] : []),
      ],
    });
    this.vmId = vm.vmId.apply(Number);
    this.nodeName = vm.nodeName;
    this.address = pulumi
      .all([vm.ipv4Addresses, pulumi.all(args.nics.map(({ address }) => address ?? ""))])
      .apply(([reported, planned]) => addressOf(planned, reported ?? []));
    // From the configuration of the VM: its agent is not asked where the address is known.
    this.mac = vm.networkDevices.apply((nics) => args.nics[0]?.macAddress ?? nics?.[0]?.macAddress ?? "");
    this.identity = pulumi
      .all([this.vmId, this.nodeName, this.address, this.mac, vm.clone])
      .apply(([vmId, node, address, mac, clone]) => {
        const template = Number(clone?.vmId ?? args.template.vmId);
        return identityDigest({ vmId, node, address, mac, gateway: args.nics[0]?.gateway ?? "", template });
      });
    this.hardware = pulumi
      .all([vm.cpu, vm.memory, vm.disks, vm.networkDevices])
      .apply(([cpu, memory, disks, nics]) => ({
        cores: cpu?.cores ?? args.cpuCores,
        memoryMb: memory?.dedicated ?? args.memoryMb,
        disks: (disks ?? []).map(({ interface: name, size }) => ({ name, sizeGb: size ?? args.diskGb })),
        macs: args.nics.map(({ macAddress }, index) => macAddress ?? nics?.[index]?.macAddress ?? ""),
      }));
    this.registerOutputs({ vmId: this.vmId, address: this.address, mac: this.mac, identity: this.identity });
  }

  /** Makes a host key, and the user data with it. */
  private ownUserData(name: string, args: ProxmoxVmArgs, { key, ...place }: SnippetPlace) {
    const child = { parent: this };
    const hostKey = new Resource(hostKeyKind, `${name}-vm-host-key`, { comment: key }, child);
    const content = pulumi.all([hostKey.privateKey, hostKey.publicKey]).apply(([privateKey, publicKey]) =>
      userData({
        hostName: args.vmName,
        domain: args.dns.domain,
        login: args.user.name,
        authorizedKeys: args.user.keys,
        hostKey: { privateKey, publicKey },
      }),
    );
    const file = hostKey.publicKey.apply((publicKey) => snippetName(key, publicKey));
    const { volumeId } = new Resource(snippetKind, `${name}-vm-user-data`, { ...place, name: file, content }, child);
    return { hostKey: hostKey.publicKey, volumeId };
  }
}

/**
 * Name of a VM's user data: the same for as long as it has its host key, whatever else is in there. The provider destroys a VM
 * whose user data is another file, so that neither its content nor the VM's physical name may be in the name.
 */
function snippetName(key: string, publicKey: string): string {
  return `holdfast-${key}-${createHash("sha256").update(publicKey).digest("hex").slice(0, 12)}.yaml`;
}

function vmArgs(args: ProxmoxVmArgs, userDataFileId?: pulumi.Output<string>): proxmox.VmLegacyArgs {
  const { template } = args;
  const vendorDataFileId = template.vendorDataFileId;
  const dhcp = args.nics.some(({ address }) => address === "dhcp");
  return {
    name: args.vmName,
    nodeName: args.nodeName,
    ...(args.vmId === undefined ? {} : { vmId: args.vmId }),
    description: ownerDescription(args.owner),
    // Proxmox VE keeps them in lower case and sorted; anything else would be a difference.
    tags: [...args.tags, proxmoxTag(args.owner)].sort(),
    clone: {
      vmId: template.vmId,
      ...(template.node === undefined || template.node === args.nodeName ? {} : { nodeName: template.node }),
      datastoreId: args.datastoreId,
      full: true,
      retries: 3,
    },
    agent: {
      enabled: args.agent,
      timeout: `${agentSeconds}s`,
      // A static address is known: nobody has to wait for it, at every refresh anew where an agent is silent.
      waitForIp: dhcp ? { ipv4: true } : { disabled: true },
    },
    cpu: { cores: args.cpuCores, type: args.cpuType },
    memory: { dedicated: args.memoryMb },
    operatingSystem: { type: "l26" },
    scsiHardware: "virtio-scsi-single",
    disks: [{ interface: "scsi0", datastoreId: args.datastoreId, size: args.diskGb, discard: "on" }],
    networkDevices: args.nics.map(({ bridge, vlanId, macAddress }) => ({
      bridge,
      ...(vlanId === undefined ? {} : { vlanId }),
      ...(macAddress === undefined ? {} : { macAddress }),
    })),
    initialization: {
      datastoreId: args.datastoreId,
      dns: args.dns,
      ipConfigs: args.nics.map(({ address, gateway }) => ({
        ...(address === undefined ? {} : { ipv4: { address, ...(gateway === undefined ? {} : { gateway }) } }),
      })),
      ...(userDataFileId === undefined
        ? { userAccount: { username: args.user.name, keys: args.user.keys } }
        : // What the template says of snippets is one setting with this, and would be lost.
          { userDataFileId, ...(vendorDataFileId === undefined ? {} : { vendorDataFileId }) }),
    },
    serialDevices: [{}],
    // Without a drive of its own a VM gets the node's.
    cdrom: { fileId: "none", interface: "ide3" },
    onBoot: args.onBoot,
    ...(args.startupOrder === undefined ? {} : { startup: { order: args.startupOrder } }),
    protection: args.protect,
    started: true,
    stopOnDestroy: !args.agent,
  };
}
