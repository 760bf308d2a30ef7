/**
 * The lab's images: the root file system of its hosts, the cloud image of the VMs, and the container images on those.
 * Built once from Debian packages, kept in the cache under the digest of their recipe, and put there by one rename: whole
 * or not at all.
 */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDirectory } from "../../lib/cache.ts";
import { Failure } from "../../lib/failure.ts";
import { withLock } from "../../lib/lock.ts";
import { step } from "../../lib/progress.ts";
import { cgroupPath, removeCgroup } from "../cgroups.ts";
import { insideCgroup } from "../processes.ts";
import { runnerProgram, runnerProgramText } from "../stand-ins/runner-program.ts";
import { type ContainerImage, type ImageName, packedImage, packImages } from "./oci.ts";

/** The image that the site's VMs boot from. */
export interface GuestImage {
  /** A qcow2 file. Never written to: a host copies it into its pool. */
  path: string;
  /** Its digest, 64 hex digits. */
  sha256: string;
  /** Its kernel and initrd, for a boot without a disk. */
  kernel: string;
  initrd: string;
}

const recipes = {
  host: { files: ["host.sh"], title: "root file system of the lab's hosts", expectation: "1 min" },
  guest: { files: ["guest.sh", "guest-init.sh"], title: "cloud image of the lab's VMs", expectation: "1 min" },
  containers: {
    files: ["containers.sh", "oci.ts"],
    title: "container images of the lab's jobs and of their runner, a stand-in",
    expectation: "1 min",
  },
} as const;

/** The directory tree that every lab host is an overlay of. Built when missing. */
export async function ensureHostImage(): Promise<string> {
  return ensureImage("host", async () => {});
}

/** The guest image. Built when missing. */
export async function ensureGuestImage(): Promise<GuestImage> {
  const directory = await ensureImage("guest", async (built) => {
    writeFileSync(join(built, "sha256"), await sha256Of(join(built, "guest.qcow2")));
  });
  return {
    path: join(directory, "guest.qcow2"),
    sha256: readFileSync(join(directory, "sha256"), "utf8"),
    kernel: join(directory, "vmlinuz"),
    initrd: join(directory, "initrd"),
  };
}

/** A container image: what jobs run in, or the lab's stand-in for their runner. Built when missing. */
export async function ensureContainerImage(name: ImageName): Promise<ContainerImage> {
  return packedImage(await ensureImage("containers", packImages), name);
}

/** The digest that names a recipe's product in the cache: 16 hex digits over the scripts that make it and what they put in. */
export function recipeDigest(image: keyof typeof recipes): string {
  const hash = createHash("sha256");
  for (const file of recipes[image].files) hash.update(readFileSync(scriptPath(file))).update("\0");
  if (image === "containers") hash.update(runnerProgramText());
  return hash.digest("hex").slice(0, 16);
}

async function ensureImage(image: keyof typeof recipes, finish: (built: string) => Promise<void>): Promise<string> {
  const images = cacheDirectory("lab", "images");
  const product = join(images, `${image}-${recipeDigest(image)}`);
  if (existsSync(product)) return product;
  const work = cacheDirectory("lab", "images", `${image}.work`);
  await withLock(work, async () => {
    if (existsSync(product)) return;
    await removeCgroup(buildCgroup(image, work)); // a build outlives the process that started it, when that is killed
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { mode: 0o700 });
    const { title, expectation } = recipes[image];
    await step(`Building the ${title}`, () => build(image, work), expectation);
    await finish(join(work, "product"));
    renameSync(join(work, "product"), product);
    rmSync(work, { recursive: true, force: true });
  });
  return product;
}

/** The cgroup of the one build that may work in this directory. No site's name has a dot in it. */
function buildCgroup(image: string, work: string): string {
  return cgroupPath(`build.${image}-${createHash("sha256").update(work).digest("hex").slice(0, 8)}`);
}

/** Runs a recipe in mount and process namespaces of its own, so that ending it leaves no mount, and in a cgroup. */
async function build(image: keyof typeof recipes, work: string): Promise<void> {
  const log = join(cacheDirectory("lab", "images"), `${image}.build.log`);
  writeFileSync(log, "", { mode: 0o600 });
  const output = { file: log, append: true } as const;
  const own = ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"];
  const recipe = [scriptPath(recipes[image].files[0]), await debianMirror(), work, join(work, "product")];
  if (image === "containers") recipe.push(runnerProgram());
  const env = { LC_ALL: "C.UTF-8" };
  const cgroup = buildCgroup(image, work);
  mkdirSync(cgroup, { recursive: true });
  const result = await execa(...insideCgroup(cgroup, "unshare", [...own, "bash", ...recipe]), {
    stdin: "ignore",
    stdout: output,
    stderr: output,
    env,
    reject: false,
  });
  await removeCgroup(cgroup);
  if (result.exitCode === 0) return;
  const last = readFileSync(log, "utf8").trimEnd().split("\n").slice(-3).join(" | ");
  throw new Failure(`the ${recipes[image].title} could not be built: ${last}`, `look at ${log}`);
}

/** Where this machine gets Debian packages from: `HOLDFAST_DEBIAN_MIRROR`, else what its apt is configured with. */
async function debianMirror(): Promise<string> {
  const configured = process.env.HOLDFAST_DEBIAN_MIRROR;
  if (configured) return configured;
  const { stdout } = await execa("apt-get", ["indextargets", "--format", "$(SITE)"], { reject: false });
  const mirror = stdout.split("\n").find((site) => site !== "" && !site.includes("security"));
  if (mirror) return mirror;
  throw new Failure("apt on this machine names no Debian mirror.", "set HOLDFAST_DEBIAN_MIRROR to the URL of one");
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

function scriptPath(name: string): string {
  return join(import.meta.dirname, name);
}
