/**
 * What a preflight looks at. The program, the plugin's function and `holdfast doctor` share this, so that all three ask
 * the same questions.
 */
import type { PinnedFile } from "../download.ts";
import type { SshTarget } from "../ssh/dial.ts";
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

/** Everything that must hold before a runner is made on a host. Holds no secret. */
export interface PreflightArgs {
  host: SshTarget;
  /** Bridge that must exist. */
  bridge: string;
  /** Storage pool that must be active. */
  pool: string;
  /** Domain that we are going to make; it may exist only if it is ours. */
  domain: string;
  /** Our owner mark. */
  owner: string;
  /** Domain type; kvm needs /dev/kvm on the host. */
  domainType: "kvm" | "qemu";
  /** Whether jobs are fenced, which takes nftables on the host. */
  fenced: boolean;
  /** Volumes that we are going to make; they may exist only if they are ours. */
  volumes: VmNames;
  /** `<pool>/<name>` of every volume in the stack's state. */
  recordedVolumes: string[];
  /** Size of the root disk, in GiB. */
  diskGb: number;
  /** Static address of the VM with prefix length; absent with DHCP. */
  cidr?: string | undefined;
  /** Files that the workstation fetches. */
  downloads: Download[];
  forge: ForgeWanted;
}
