/**
 * A root file system that runs: a shared image with an overlay of its own, booted in namespaces of its own by
 * `host-boot.sh`. A host of the site is one with systemd as process 1; the forge's SSH side is one with only sshd.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Failure } from "../lib/failure.ts";
import { makeCgroup } from "./cgroups.ts";
import { type CommandOptions, type CommandResult, runCommand } from "./command.ts";
import type { Layout, Part } from "./layout.ts";
import { identify, isAlive, type ProcessIdentity, recordedProcess, startDaemon } from "./processes.ts";
import { until } from "./wait.ts";

/** A root file system of one part of a site. */
export interface RootSystem {
  layout: Layout;
  /** A part of the site, or the name of another machine in it; its host name, unless `hostname` says otherwise. */
  part: Part | `vm${number}`;
  hostname?: string;
  /** The tree below the overlay, shared and never written. */
  image: string;
  /** Its process 1 and that one's name in /proc/PID/comm. */
  command: readonly string[];
  processName: string;
  /** Directories of the machine to mount into it: from → to. */
  binds?: Record<string, string>;
  /** Whether it gets /dev/kvm. */
  kvm?: boolean;
}

/** A file to put into a root before its first boot: text with a mode (default 0644), or a symbolic link. */
export type SeedFile = { path: string; text: string; mode?: number } | { path: string; linkTo: string };

function directoryOf(system: Pick<RootSystem, "layout" | "part">): string {
  return system.layout.path(system.part);
}

/** Whether the root has been seeded, that is, has a disk to boot from. */
export function isSeeded(system: RootSystem): boolean {
  return existsSync(join(directoryOf(system), "seeded"));
}

/** Gives the root a fresh disk with these files. What it had is lost. It must not run. */
export function seedRoot(system: RootSystem, files: readonly SeedFile[]): void {
  const directory = directoryOf(system);
  for (const name of ["seeded", "up", "work"]) rmSync(join(directory, name), { recursive: true, force: true });
  for (const name of ["up", "work", "root"]) mkdirSync(join(directory, name), { recursive: true, mode: 0o755 });
  for (const file of files) {
    const target = join(directory, "up", file.path);
    copyDirectories(system.image, join(directory, "up"), dirname(file.path));
    if ("linkTo" in file) symlinkSync(file.linkTo, target);
    else {
      writeFileSync(target, file.text);
      chmodSync(target, file.mode ?? 0o644);
    }
  }
  writeFileSync(join(directory, "seeded"), "");
}

/** A directory in the overlay hides its lower one's mode: take it over. `/root/.ssh` is ours and private. */
function copyDirectories(image: string, upper: string, path: string): void {
  let done = "";
  for (const name of path.split("/").filter(Boolean)) {
    done = join(done, name);
    const lower = join(image, done);
    if (existsSync(lower) && lstatSync(lower).isSymbolicLink())
      throw new Failure(`/${done} is a symbolic link in ${image}.`, "seed the file at the path that it points to");
    if (existsSync(join(upper, done))) continue;
    mkdirSync(join(upper, done));
    chmodSync(join(upper, done), existsSync(lower) ? statSync(lower).mode & 0o7777 : name === ".ssh" ? 0o700 : 0o755);
  }
}

/** Boots the root in its part's network namespace. Returns when its process 1 runs; it may not yet be ready for work. */
export async function bootRoot(system: RootSystem): Promise<void> {
  const { layout, part, hostname: name = part } = system;
  const directory = directoryOf(system);
  const console = join(directory, "console.log");
  const own = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "--propagation", "private"];
  const script = [join(import.meta.dirname, "host-boot.sh"), system.image, directory, name, ...system.command];
  const starter = await startDaemon({
    command: "nsenter",
    args: [`--net=/run/netns/${layout.namespaceOf(part)}`, "unshare", ...own, "bash", ...script],
    logFile: console,
    recordFile: join(directory, "process.json"),
    cgroup: makeCgroup(layout.name, part),
    env: {
      PATH: process.env.PATH,
      KVM: system.kvm ? "1" : "0",
      BINDS: Object.entries(system.binds ?? {})
        .map(([from, to]) => `${from} ${to}`)
        .join("\n"),
    },
  });
  const wait = { what: `the boot of ${part}`, boundMs: 20_000, everyMs: 20, lookAt: console };
  await until(wait, () => {
    if (!isAlive(starter)) throw bootFailure(system, console);
    return firstProcess(system) !== undefined;
  });
}

function bootFailure(system: RootSystem, console: string): Failure {
  const log = readFileSync(console, "utf8").trimEnd();
  const overlay = /holdfast: (no overlay is possible .*)/.exec(log)?.[1];
  if (overlay)
    return new Failure(
      `${system.part} cannot boot: ${overlay}.`,
      "set HOLDFAST_LAB to a directory on ext4, xfs or tmpfs",
    );
  return new Failure(`${system.part} did not boot: ${log.split("\n").slice(-3).join(" | ")}`, `look at ${console}`);
}

/** The process that is process 1 inside, by its identity outside; `undefined` unless it runs and is what it should be. */
export function firstProcess(system: RootSystem): ProcessIdentity | undefined {
  const starter = recordedProcess(join(directoryOf(system), "process.json"));
  if (!starter || !isAlive(starter)) return undefined;
  try {
    const pid = Number.parseInt(readFileSync(`/proc/${starter.pid}/task/${starter.pid}/children`, "utf8"), 10);
    // Until it has its name it may still see the machine's root: nobody may enter before.
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === system.processName ? identify(pid) : undefined;
  } catch {
    return undefined;
  }
}

/** Runs a command inside a running root, in all its namespaces, with a clean environment and root's path. */
export async function execInRoot(
  system: RootSystem,
  command: string,
  args: readonly string[] = [],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const first = firstProcess(system);
  if (!first) throw new Failure(`${system.part} of site ${system.layout.name} does not run.`, "bring the site up");
  const enter = ["--target", String(first.pid), "--all", "--root", "--wd"];
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const env = { PATH: path, LC_ALL: "C.UTF-8", HOME: "/root", ...options.env };
  const shown = [command, ...args];
  const { timeoutMs, ...others } = options;
  // Killing nsenter would leave the command behind, which holds its output open: it is ended from inside.
  const bound = timeoutMs ? ["timeout", "--foreground", "--signal=KILL", String(timeoutMs / 1000)] : [];
  const merged = { ...others, env, extendEnv: false, ...(timeoutMs ? { timeoutMs: timeoutMs + 5_000 } : {}) };
  return runCommand(system.part, ["nsenter", ...enter, ...bound, ...shown], shown, merged);
}
