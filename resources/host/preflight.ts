/**
 * What is looked at before VMs are made on a host. The program, the plugin and `holdfast doctor` share this, so that all three ask
 * the same questions.
 */
import { z } from "zod";
import type { PinnedFile } from "../../lib/download.ts";
import { type ArgumentsOf, declareFunction, type ResultOf } from "../kind.ts";
import { sshTarget } from "../ssh-target.ts";

const text = z.string().min(1);

const volumes = z.strictObject({
  base: text.describe("Volume with the image that the root disk is laid over; named after the image's digest."),
  root: text.describe("Root disk."),
  seed: text.describe("cloud-init disk."),
});

/** What mends a VM's own settings, each as it stands behind a `;`. A runner's VM has keys of its own, a pool's an entry. */
const fixes = z.strictObject({
  name: text.describe("Another name."),
  bridge: text.describe("Another bridge."),
  address: text.describe("Another address."),
});

const vm = z.strictObject({
  domain: text.describe("Its domain, which may exist only if it is ours."),
  bridge: text.describe("Bridge that must exist."),
  volumes: volumes.describe("Its volumes, which may exist only if they are ours."),
  diskGb: z.number().describe("Size of the root disk, in GiB."),
  mac: text.describe("Address of its network card."),
  cidr: z.string().optional().describe("Static address with prefix length; absent with DHCP."),
  fixes: fixes.describe("What mends the VM's own settings."),
});

const download = z.strictObject({
  what: text.describe("What it is, for example the image."),
  key: text.describe("Configuration key of its URL, for example vm.image.url."),
  url: text.describe("Where it is fetched."),
  sha256: text.describe("Its digest: 64 hexadecimal digits."),
  suffix: z.string().describe("Suffix of its name in the cache, for example .qcow2."),
});

const forge = z.strictObject({
  url: z.string().optional().describe("Base URL; absent when it could not be found."),
  problem: z.string().optional().describe("Why there is no URL."),
  scope: z.string().describe("Whose jobs the runner takes."),
  registeredUuid: z
    .string()
    .nullable()
    .optional()
    .describe("The runner's uuid in the stack's state; null when the state has no registration."),
  forgeHost: sshTarget
    .extend({ command: text.describe("The forge's own command there.") })
    .optional()
    .describe("The forge host, where registration goes over SSH."),
});

export const hostPreflightFunction = declareFunction({
  token: "holdfast:host:preflight",
  description:
    "Looks at host, workstation and forge, in previews too, and pins the host's key. Fails when something is missing, listing all of it; nothing was changed then.",
  inputs: z.strictObject({
    host: sshTarget.describe("The libvirt host."),
    pool: text.describe("Storage pool that must be active."),
    owner: text.describe("Our owner mark."),
    domainType: z.enum(["kvm", "qemu"]).describe("Domain type; kvm needs /dev/kvm on the host."),
    fenced: z.boolean().describe("Whether jobs are fenced, which takes nftables on the host."),
    vms: z.array(vm).describe("The VMs that are going to be made."),
    diskKey: text.describe("Configuration key of the root disks' size, for messages."),
    recordedVolumes: z.array(z.string()).describe("<pool>/<name> of every volume in the stack's state."),
    recordedDomains: z
      .array(z.string())
      .optional()
      .describe("Name of every domain in the stack's state; absent where they are not known."),
    update: z
      .boolean()
      .optional()
      .describe(
        "Whether this is an update, which removes what one left that was cut off. Default: nothing is changed.",
      ),
    downloads: z.array(download).describe("Files that the workstation fetches."),
    forge: forge.optional().describe("The forge as far as it is known; absent where no runner is made."),
  }),
  outputs: z.object({
    address: z.string().describe("The host's, so that whatever depends on this waits for it."),
    imageNeeded: z
      .boolean()
      .describe("Whether an update reads the VMs' image; not where every VM has its base volume."),
  }),
  tellsUpdate: true,
});

/** Everything that must hold before VMs are made on a host. Holds no secret. */
export type PreflightArgs = ArgumentsOf<typeof hostPreflightFunction>;
/** What it tells the program. */
export type PreflightFound = ResultOf<typeof hostPreflightFunction>;
/** A VM that we are going to make on a host. */
export type HostVm = PreflightArgs["vms"][number];
/** Names of what a VM consists of on its hypervisor. */
export type VmNames = HostVm["volumes"];
/** A file that is fetched to this workstation, and where its digest puts it in the cache. */
export type Download = PreflightArgs["downloads"][number];

/** Key of the URL of VMs' image. */
export const imageKey = "vm.image.url";

/** The image of VMs as such a file. */
export function imageDownload(image: PinnedFile): Download {
  return { what: "the image", key: imageKey, suffix: ".qcow2", ...image };
}
