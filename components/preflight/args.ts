/**
 * What a preflight looks at. The program, the plugin's function and `holdfast doctor` share this, so that all three ask
 * the same questions.
 */
import type { PinnedFile } from "../../lib/download.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import type { VmNames } from "../vm/plan.ts";

/** A file that is fetched to this workstation, and where its digest puts it in the cache. */
export interface Download extends PinnedFile {
  /** What it is, for example `image`. */
  what: string;
  /** Configuration key of its URL, for example `vm.image.url`. */
  key: string;
  /** Suffix of its name in the cache, for example `.qcow2`. */
  suffix: string;
}

/** Key of the URL of VMs' image. */
export const imageKey = "vm.image.url";

/** The image of VMs as such a file. */
export function imageDownload(image: PinnedFile): Download {
  return { what: "the image", key: imageKey, suffix: ".qcow2", ...image };
}

/** The forge as far as it is known before anything is made. */
export interface ForgeWanted {
  /** Base URL; absent when it could not be found. */
  url?: string | undefined;
  /** Why there is no URL. */
  problem?: string | undefined;
  /** Whose jobs the runner takes. */
  scope: string;
  /** The runner's uuid in the stack's state; null when the state has no registration. */
  registeredUuid?: string | null | undefined;
  /** The forge host, where registration goes over SSH. */
  forgeHost?: (SshTarget & { command: string }) | undefined;
}

/** What mends a VM's own settings, each as it stands behind a `;`. A runner's VM has keys of its own, a pool's an entry. */
export interface VmFixes {
  /** Another name. */
  name: string;
  /** Another bridge. */
  bridge: string;
  /** Another address. */
  address: string;
}

/** A VM that we are going to make on a host. */
export interface HostVm {
  /** Its domain, which may exist only if it is ours. */
  domain: string;
  /** Bridge that must exist. */
  bridge: string;
  /** Its volumes, which may exist only if they are ours. */
  volumes: VmNames;
  /** Size of the root disk, in GiB. */
  diskGb: number;
  /** Address of its network card. */
  mac: string;
  /** Static address with prefix length; absent with DHCP. */
  cidr?: string | undefined;
  fixes: VmFixes;
}

/** What a preflight tells the program. */
export interface PreflightFound {
  /** The host's. */
  address: string;
  /** Whether an update reads the VMs' image; not where every VM has its base volume. */
  imageNeeded: boolean;
}

/** Everything that must hold before VMs are made on a host. Holds no secret. */
export interface PreflightArgs {
  host: SshTarget;
  /** Storage pool that must be active. */
  pool: string;
  /** Our owner mark. */
  owner: string;
  /** Domain type; kvm needs /dev/kvm on the host. */
  domainType: "kvm" | "qemu";
  /** Whether jobs are fenced, which takes nftables on the host. */
  fenced: boolean;
  vms: HostVm[];
  /** Configuration key of the root disks' size, for messages. */
  diskKey: string;
  /** `<pool>/<name>` of every volume in the stack's state. */
  recordedVolumes: string[];
  /** Name of every domain in the stack's state; absent where they are not known. */
  recordedDomains?: string[] | undefined;
  /** Whether this is an update, which removes what one left that was cut off. Default: nothing is changed. */
  update?: boolean | undefined;
  /** Files that the workstation fetches. */
  downloads: Download[];
  /** Absent where no runner is made. */
  forge?: ForgeWanted | undefined;
}
