/**
 * A whole site on this machine: a LAN, a workstation, a forge and a libvirt host, each in namespaces of its own. Several
 * sites may stand at once. `siteUp` attaches to a site that stands, heals one that is half made, and makes the rest.
 */

import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { withLock } from "../lib/lock.ts";
import { step } from "../lib/progress.ts";
import { cgroupPath, isPopulated, removeCgroup } from "./cgroups.ts";
import type { CommandOptions, CommandResult } from "./command.ts";
import {
  type ForgeProgram,
  forgeAdmin,
  forgeHostKey,
  forgeStands,
  forgeSystem,
  forgeUrl,
  startForge,
} from "./forge.ts";
import { refreshForgeHost } from "./forge-host.ts";
import { ensureGitea } from "./gitea.ts";
import { bootHost, cutPower, hostStands, hostSystem } from "./host.ts";
import { ensureGuestImage, ensureHostImage, type GuestImage } from "./images/images.ts";
import { publicKey } from "./keys.ts";
import { isPluggedIn, lanStands } from "./lan.ts";
import { type HostName, type Layout, labDirectory, layoutOf, network, type Part, parts } from "./layout.ts";
import { namespaceExists, namespacesOf, removeNamespace } from "./namespaces.ts";
import { ensureOperator, type OperatorSite, operatorSite } from "./operator-site.ts";
import { ensurePrerequisites } from "./prerequisites.ts";
import { execInRoot, type RootSystem } from "./root-system.ts";
import { writePrivately } from "./secrets.ts";
import { findVirtType, type VirtType } from "./virt-type.ts";

/** Which site. */
export interface SiteOptions {
  /** `lab` is the demo's, `test` the tests'. 1 to 12 of a-z, 0-9 and -. */
  name: string;
}

/** A host of the site, as the tests and the demo handle it. */
export interface SiteHost {
  name: HostName;
  /** On the site's LAN. */
  address: string;
  /** Its SSH server's key: `ssh-ed25519 AAAA…`. */
  hostKey: string;
  /** Ends everything on it at once, VMs included, as a power cut does. Its disk stays. */
  powerCut(): Promise<void>;
  /** Boots it from its disk and waits until libvirt and sshd answer: about a second. A running one is cut off first. */
  boot(): Promise<void>;
  /** Runs a command on it, past SSH. A failing command throws unless `check` is false. */
  exec(command: string, args?: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

/** A site that stands, for runners: with a forge and a libvirt host. */
export interface Site extends OperatorSite {
  hosts: Record<HostName, SiteHost>;
  forge: {
    url: string;
    address: string;
    adminUser: string;
    /** An API token with all scopes, and the admin's password for the web pages. Both 0600. */
    tokenFile: string;
    passwordFile: string;
    /** Forgejo's command line, offline registration: a stand-in. */
    ssh: { address: string; port: number; user: string; hostKey: string };
  };
  guestImage: GuestImage;
  virtType: VirtType;
}

/** What is there of a site. */
export interface SiteStatus {
  name: string;
  directory: string;
  /** `up`: everything stands. `down`: nothing is there. `partial`: some of it, as after a crash or a reboot. */
  state: "up" | "partial" | "down";
  parts: Partial<Record<Part, boolean>>;
}

/** Everything that is expensive and shared by all sites: tools, images, the forge's program. Minutes when cold. */
async function prepare() {
  await ensurePrerequisites();
  const [image, program] = await Promise.all([ensureHostImage(), ensureGitea()]);
  const guestImage = await ensureGuestImage();
  return { image, program, guestImage, virtType: await findVirtType(image, guestImage) };
}

/**
 * Brings a site up, or attaches to it when it stands (well under 2 s, and nothing is changed). Parts that are missing or
 * dead are made anew; disks, repositories and keys are kept. One process at a time works on a site.
 */
export async function siteUp(options: SiteOptions): Promise<Site> {
  const layout = layoutOf(options.name);
  const prepared = await prepare();
  mkdirSync(layout.directory, { recursive: true, mode: 0o700 });
  const host = hostSystem(layout, "crunchy", prepared.image, prepared.virtType === "kvm");
  const forge = forgeSystem(layout, prepared.image);
  await withLock(layout.directory, async () => {
    await ensureOperator(layout);
    // Both have ended, one way or the other, before another process may work on the site.
    const made = await Promise.allSettled([ensureHost(host), ensureForge(forge, prepared.program)]);
    for (const one of made) if (one.status === "rejected") throw one.reason;
    refreshForgeHost(forge);
    writePrivately(layout.path("ssh", "known_hosts"), knownHosts(layout));
  });
  return describe(layout, host, prepared.guestImage, prepared.virtType);
}

async function ensureHost(host: RootSystem): Promise<void> {
  if (!(await hostStands(host))) await step("Booting crunchy", () => bootHost(host, "crunchy"));
}

async function ensureForge(forge: RootSystem, program: ForgeProgram): Promise<void> {
  if (!(await forgeStands(forge))) await step("Starting the forge", () => startForge(forge, program));
}

function knownHosts(layout: Layout): string {
  const crunchy = `${network.hosts.crunchy} ${publicKey(layout.path("crunchy", "ssh_host_ed25519_key"))}`;
  return `${crunchy}\n${network.forge},forge.lab ${forgeHostKey(layout)}\n`;
}

function describe(layout: Layout, host: RootSystem, guestImage: GuestImage, virtType: VirtType): Site {
  return {
    ...operatorSite(layout),
    hosts: {
      crunchy: {
        name: "crunchy",
        address: network.hosts.crunchy,
        hostKey: publicKey(layout.path("crunchy", "ssh_host_ed25519_key")),
        powerCut: () => cutPower(host),
        boot: () => bootHost(host, "crunchy"),
        exec: (command, args, options) => execInRoot(host, command, args, options),
      },
    },
    forge: {
      url: forgeUrl,
      address: network.forge,
      adminUser: forgeAdmin,
      tokenFile: layout.path("forge", "token"),
      passwordFile: layout.path("forge", "password"),
      ssh: { address: network.forge, port: 22, user: "root", hostKey: forgeHostKey(layout) },
    },
    guestImage,
    virtType,
  };
}

/**
 * Takes a site down and removes everything of it: processes, namespaces, mounts, cgroups, disks, keys and state. A site
 * that is half made, or whose maker was killed, is removed just so. Needs nothing but the site's name.
 */
export async function siteDown(name: string): Promise<void> {
  const layout = layoutOf(name);
  const work = async () => {
    await removeCgroup(cgroupPath(name));
    for (const part of parts) await removeNamespace(layout.netns(part));
    for (const other of namespacesOf(layout)) await removeNamespace(other);
    rmSync(layout.directory, { recursive: true, force: true });
  };
  await (existsSync(layout.directory) ? withLock(layout.directory, work) : work());
}

/** What is there of a site for runners. Changes nothing. */
export async function siteStatus(name: string): Promise<SiteStatus> {
  const layout = layoutOf(name);
  // Neither image nor KVM matter for looking at what runs.
  const host = hostSystem(layout, "crunchy", "", false);
  return statusOf(layout, {
    lan: lanStands(layout),
    ws: await isPluggedIn(layout, "ws"),
    forge: await forgeStands(forgeSystem(layout, "")),
    crunchy: await hostStands(host),
  });
}

/** Sums up which of the parts that a site should have stand. */
export function statusOf(layout: Layout, found: SiteStatus["parts"]): SiteStatus {
  const { name } = layout;
  const all = Object.values(found);
  const traces =
    existsSync(layout.directory) ||
    isPopulated(cgroupPath(name)) ||
    parts.some((p) => namespaceExists(layout.netns(p)));
  const state = all.every(Boolean) ? "up" : traces ? "partial" : "down";
  return { name, directory: layout.directory, state, parts: found };
}

/** The names of all sites that have a run state on this machine. */
export function siteNames(): string[] {
  const root = labDirectory();
  if (!existsSync(root)) return [];
  return readdirSync(root).filter((name) => !name.endsWith(".lock") && statSync(`${root}/${name}`).isDirectory());
}
