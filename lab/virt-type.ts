/**
 * Whether guests can use KVM here: found out by booting a kernel under it. The device node alone proves nothing; some
 * machines have one under which no stock kernel makes progress.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDirectory } from "../lib/cache.ts";
import { note } from "../lib/progress.ts";
import type { GuestImage } from "./images/images.ts";
import { bootId } from "./processes.ts";

/** libvirt's domain type: hardware virtualisation or emulation. */
export type VirtType = "kvm" | "qemu";

interface Finding {
  bootId: string;
  virtType: VirtType;
  reason: string;
}

/** Milliseconds within which a kernel under a working KVM has long reached its init (about 1 s). */
const probeBoundMs = 12_000;

/** The domain type for this machine's guests. Tried once per boot of the machine; later calls return what was found. */
export async function findVirtType(hostImage: string, guest: GuestImage): Promise<VirtType> {
  const file = join(cacheDirectory("lab"), "virt-type.json");
  const known = readFinding(file);
  if (known?.bootId === bootId()) return known.virtType;
  const reason = existsSync("/dev/kvm") ? await whyNoKvm(hostImage, guest) : "there is no /dev/kvm";
  const virtType = reason === undefined ? "kvm" : "qemu";
  note(reason === undefined ? "KVM works: guests run on hardware" : `guests are emulated: ${reason}`);
  const finding: Finding = { bootId: bootId(), virtType, reason: reason ?? "a kernel booted under KVM" };
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(finding));
  renameSync(`${file}.${process.pid}`, file);
  return virtType;
}

function readFinding(file: string): Finding | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Finding;
  } catch {
    return undefined;
  }
}

/** Boots the guest's kernel with the hosts' QEMU under KVM. `undefined` when it reached its init. */
async function whyNoKvm(hostImage: string, guest: GuestImage): Promise<string | undefined> {
  const own = ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"];
  const images = [hostImage, join(guest.kernel, "..")];
  // Ends by the kernel's sign of life or by the bound, whichever comes first.
  const probe = execa("unshare", [...own, "bash", join(import.meta.dirname, "kvm-probe.sh"), ...images], {
    timeout: probeBoundMs,
    killSignal: "SIGKILL",
    reject: false,
    stdin: "ignore",
  });
  let alive = false;
  let output = "";
  probe.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    if (!output.includes("holdfast-guest: kernel runs")) return;
    alive = true;
    probe.kill("SIGKILL");
  });
  const result = await probe;
  if (alive) return undefined;
  if (result.timedOut) return `a kernel under KVM made no progress in ${probeBoundMs / 1000} s`;
  return `QEMU under KVM failed: ${result.stderr.trim().split("\n").at(-1) ?? result.exitCode}`;
}
