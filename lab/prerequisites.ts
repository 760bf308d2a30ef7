/**
 * What the lab needs from the machine, found out before anything is made; on a Debian with apt it installs the rest.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { Failure } from "../lib/failure.ts";
import { step } from "../lib/progress.ts";
import { cgroupMount } from "./cgroups.ts";

/** A file that shows that a Debian package's tool is there, and the package. An absolute path, or a command's name. */
const tools: Record<string, string> = {
  mmdebstrap: "mmdebstrap",
  "qemu-img": "qemu-utils",
  virsh: "libvirt-clients",
  genisoimage: "genisoimage", // for the libvirt provider, which runs on the workstation
  xsltproc: "xsltproc", // for the same provider
  "/usr/lib/grub/i386-pc/boot.img": "grub-pc-bin",
  "grub-mkimage": "grub-common",
  cpio: "cpio",
  busybox: "busybox-static",
  dnsmasq: "dnsmasq-base",
  ip: "iproute2",
  ssh: "openssh-client",
  sfdisk: "fdisk",
  mke2fs: "e2fsprogs",
  unshare: "util-linux",
  sysctl: "procps",
  xz: "xz-utils",
  zstd: "zstd",
  curl: "curl",
  git: "git",
  openssl: "openssl",
};

/**
 * What this machine lacks, each as a phrase for a person; empty when the lab can run. Quick, and changes nothing.
 * Missing packages are named `package NAME`: those `ensurePrerequisites` can install.
 */
export function missingPrerequisites(hasTool: (tool: string) => boolean = isInstalled): string[] {
  if (process.platform !== "linux") return ["Linux"];
  const missing: string[] = [];
  if (process.getuid?.() !== 0) missing.push("root");
  for (const kind of ["mnt", "pid", "net", "uts", "ipc", "cgroup"])
    if (!existsSync(`/proc/self/ns/${kind}`)) missing.push(`${kind} namespaces in the kernel`);
  if (!/\boverlay$/m.test(readFileSync("/proc/filesystems", "utf8")) && !existsSync("/sbin/modprobe"))
    missing.push("overlay file systems in the kernel");
  if (!cgroupMount()) missing.push("a writable cgroup v2 hierarchy");
  return [...missing, ...packagesOf(Object.keys(tools).filter((tool) => !hasTool(tool)))];
}

function packagesOf(missing: string[]): string[] {
  return missing.map((tool) => `package ${tools[tool] ?? tool}`);
}

function isInstalled(tool: string): boolean {
  if (tool.startsWith("/")) return existsSync(tool);
  return searchPath().some((directory) => existsSync(join(directory, tool)));
}

/** Root's tools are in sbin, which the path of a person's shell may lack. */
function searchPath(): string[] {
  return [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
}

/**
 * Makes sure that the lab can run here: its tools, and the kernel modules that a host cannot load for itself.
 * @throws Failure with one line that says what is missing.
 */
export async function ensurePrerequisites(): Promise<void> {
  await ensureTools();
  await loadModules();
}

/**
 * Makes sure that the lab's images can be built here: installs missing packages where that is possible (root, apt).
 * @throws Failure with one line that says what is missing.
 */
export async function ensureTools(): Promise<void> {
  process.env.PATH = searchPath().join(":");
  const missing = missingPrerequisites();
  const others = missing.filter((item) => !item.startsWith("package "));
  const packages = missing.filter((item) => item.startsWith("package ")).map((item) => item.slice("package ".length));
  if (others.length > 0 || (packages.length > 0 && !existsSync("/usr/bin/apt-get")))
    throw new Failure(`the lab cannot run on this machine. Missing: ${missing.join(", ")}.`, remedy(others, packages));
  if (packages.length > 0) await installPackages(packages);
}

function remedy(others: string[], packages: string[]): string {
  if (others.includes("root")) return "run the same command as root";
  if (packages.length > 0) return `install what corresponds to Debian's ${packages.join(" ")}`;
  return "use a machine with a kernel from 5.14 on that has these";
}

export async function installPackages(packages: string[]): Promise<void> {
  await step(`Installing ${packages.join(" ")}`, async () => {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    const apt = (...args: string[]) =>
      execa("apt-get", ["-q", "-y", "-o", "DPkg::Lock::Timeout=300", ...args], { env, all: true, reject: false });
    const install = () => apt("install", "--no-install-recommends", ...packages);
    let result = await install();
    // The list of packages may be empty or old, and another apt may be at work on it.
    for (let attempt = 0; attempt < 3 && result.exitCode !== 0; attempt += 1) {
      await apt("update");
      result = await install();
    }
    if (result.exitCode === 0) return;
    const last = (result.all ?? "").trimEnd().split("\n").slice(-2).join(" | ");
    throw new Failure(`apt could not install ${packages.join(" ")}: ${last}`, `apt-get install ${packages.join(" ")}`);
  });
}

/** A host's network filter needs these; inside a namespace `modprobe` can load nothing. Built in is as good. */
async function loadModules(): Promise<void> {
  if (existsSync("/proc/sys/net/bridge/bridge-nf-call-iptables")) return;
  for (const module of ["overlay", "br_netfilter", "xt_physdev", "tun"])
    await execa("modprobe", ["--quiet", module], { reject: false });
  if (!existsSync("/proc/sys/net/bridge/bridge-nf-call-iptables"))
    throw new Failure(
      "the kernel has no br_netfilter: a host's bridge could not be filtered.",
      "modprobe br_netfilter",
    );
}
