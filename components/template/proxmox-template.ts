/**
 * A template on Proxmox VE: the vendor's image, fetched by the node and checked there; a VM with that disk, an agent and a
 * cloud-init drive, turned into a template; the guard that keeps it while VMs are linked to it; the test of each new one.
 */
import * as proxmox from "@pulumi/proxmoxve";
import * as pulumi from "@pulumi/pulumi";
import { templateGuardKind } from "../../resources/proxmox/template-guard.ts";
import { type SmokeInputs, templateSmokeKind } from "../../resources/proxmox/template-smoke.ts";
import { Resource } from "../../resources/sdk.ts";
import type { ComponentOptions } from "../component-options.ts";
import type { TemplateKey } from "./images.ts";
import { type Digest, digestText } from "./plan.ts";

/** What a template is made of. */
export interface TemplateSpec {
  /** For example `ubuntu-24.04`. */
  key: TemplateKey;
  /** Its name on Proxmox VE, for example `ubuntu-24.04-template`. */
  templateName: string;
  /** Its id. @default the next free one of the cluster */
  vmId?: number;
  description: string;
  /** Sorted; owner mark, digest and key among them. */
  tags: string[];
  image: {
    /** Where the node fetches it. */
    url: string;
    digest: Digest;
    /** Its name on `imageStorage`; no other stack's. */
    fileName: string;
  };
  /** Node that carries it, for example `pve1`. */
  node: string;
  /** Storage with content `import`, for example `local`. */
  imageStorage: string;
  /** Storage of its disks, for example `local-lvm`. */
  diskStorage: string;
  /** Bridge of its network card, for example `vmbr0`. */
  bridge: string;
  /** Resource pool; it must exist. @default none */
  pool?: string;
  cores: number;
  sockets: number;
  /** For example `host`. */
  cpuType: string;
  /** MiB. */
  memoryMb: number;
  /** Root disk in GiB. */
  diskGb: number;
  /** Snippet with vendor data, for example `local:snippets/guest-agent.yaml`. @default none */
  vendorDataFileId?: string;
}

/** How templates are tried; see `post_build_smoke` in template-image. */
export interface SmokeSettings
  extends Pick<SmokeInputs, "required" | "timeout_s" | "clone_timeout_s" | "ssh_login" | "ssh_username"> {
  enabled: boolean;
}

/** What holds for the template besides what it is made of. */
export interface TemplatePolicy {
  /** `<project>/<stack>`, for the evidence and the known_hosts of the test. */
  stack: string;
  owner: string;
  /** How each new template is tried. */
  smoke: SmokeSettings;
  /** Whether it may be deleted while VMs are linked to it. */
  allowDestroyWithClones: boolean;
}

/** A template, and what holds for it. */
export interface ProxmoxTemplateArgs extends TemplateSpec {
  policy: TemplatePolicy;
}

/** A template on Proxmox VE. */
export class ProxmoxTemplate extends pulumi.ComponentResource {
  /** Proxmox VE's id of the template. */
  readonly vmId: pulumi.Output<number>;
  /** Of its image: `sha256:…`. */
  readonly digest: string;
  /** The guard, for `dependsOn`: what stands on the template goes before it. */
  readonly guard: Resource<typeof templateGuardKind>;
  /** What came of the test: `ok`, `error` where it is not required, `skipped` where it is off. */
  readonly smokeStatus: pulumi.Output<string>;

  constructor(name: string, args: ProxmoxTemplateArgs, opts: ComponentOptions<"proxmoxve" | "holdfast">) {
    super("holdfast:components:ProxmoxTemplate", name, {}, opts);
    const { policy } = args;
    this.digest = digestText(args.image.digest);
    const image = new proxmox.download.File(`${name}-image`, imageArgs(args), {
      parent: this,
      // Fetched anew from another URL it has the same name.
      deleteBeforeReplace: true,
    });
    const template = new proxmox.VmLegacy(`${name}-template`, templateArgs(args), {
      parent: this,
      dependsOn: image,
      // The guard is asked before anything is made anew, and name and id are free by then.
      deleteBeforeReplace: true,
      // A template's disks are read-only on most storages: another image or size is another template.
      replaceOnChanges: ["disks"],
      // Comes back as zeros, and would be a difference in every preview.
      ignoreChanges: ["disks[0].speed"],
    });
    const place = {
      node: args.node,
      vmId: template.vmId,
      templateName: args.templateName,
      owner: policy.owner,
    };
    this.guard = new Resource(
      templateGuardKind,
      `${name}-guard`,
      { ...place, allowDestroyWithClones: policy.allowDestroyWithClones },
      { parent: this },
    );
    const smoke = policy.smoke.enabled
      ? new Resource(
          templateSmokeKind,
          `${name}-smoke`,
          {
            ...place,
            key: args.key,
            digest: this.digest,
            stack: policy.stack,
            ...withoutEnabled(policy.smoke),
          },
          // Behind the guard, so that the test's own leftovers are gone before the guard counts clones.
          { parent: this, dependsOn: this.guard },
        )
      : undefined;
    this.vmId = template.vmId;
    this.smokeStatus = smoke?.status ?? pulumi.output("skipped");
    this.registerOutputs({ vmId: this.vmId, digest: this.digest, smokeStatus: this.smokeStatus });
  }
}

function imageArgs({ node, imageStorage, image }: TemplateSpec): proxmox.download.FileArgs {
  return {
    nodeName: node,
    datastoreId: imageStorage,
    contentType: "import",
    url: image.url,
    fileName: image.fileName,
    checksum: image.digest.hex,
    checksumAlgorithm: image.digest.algorithm,
    // Pinned by its digest: the URL is not asked for its size in every refresh.
    overwrite: false,
    // Its name is of this stack alone. A refresh that was refused has the provider take it for gone.
    overwriteUnmanaged: true,
  };
}

function templateArgs(args: TemplateSpec): proxmox.VmLegacyArgs {
  const { diskStorage } = args;
  // The image's id, spelled out: a file that has to be fetched again (removed to save space) makes no other template.
  const importFrom = `${args.imageStorage}:import/${args.image.fileName}`;
  return {
    nodeName: args.node,
    name: args.templateName,
    ...(args.vmId === undefined ? {} : { vmId: args.vmId }),
    description: args.description,
    tags: args.tags,
    ...(args.pool === undefined ? {} : { poolId: args.pool }),
    template: true,
    started: false,
    onBoot: false,
    agent: { enabled: true },
    cpu: { cores: args.cores, sockets: args.sockets, type: args.cpuType },
    memory: { dedicated: args.memoryMb },
    operatingSystem: { type: "l26" },
    scsiHardware: "virtio-scsi-single",
    bootOrders: ["scsi0"],
    disks: [{ interface: "scsi0", datastoreId: diskStorage, importFrom, size: args.diskGb, discard: "on" }],
    networkDevices: [{ bridge: args.bridge }],
    initialization: {
      datastoreId: diskStorage,
      ipConfigs: [{ ipv4: { address: "dhcp" } }],
      ...(args.vendorDataFileId === undefined ? {} : { vendorDataFileId: args.vendorDataFileId }),
    },
    // The images of the vendors write their console there.
    serialDevices: [{}],
    // Without a drive of its own a VM gets the node's.
    cdrom: { fileId: "none", interface: "ide3" },
  };
}

function withoutEnabled({ enabled: _, ...smoke }: SmokeSettings): Omit<SmokeSettings, "enabled"> {
  return smoke;
}
