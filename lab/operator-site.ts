/**
 * What every site has: a LAN, the operator's workstation on it, the operator's key, and a place for Pulumi's state.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { step } from "../lib/progress.ts";
import type { CommandOptions, CommandResult } from "./command.ts";
import { ensureKey, publicKey } from "./keys.ts";
import { isPluggedIn, lanStands, makeLan } from "./lan.ts";
import { type Layout, network } from "./layout.ts";
import { writePrivately } from "./secrets.ts";
import { makeWorkstation, runOnWorkstation } from "./workstation.ts";

/** A site, as the operator on its workstation has it. */
export interface OperatorSite {
  name: string;
  /** Its run state, 0700: keys, logs, disks, Pulumi state. Gone after `siteDown`. */
  directory: string;
  /** Where Pulumi keeps the site's state (a directory), and a file with the passphrase of its secrets (0600). */
  pulumi: { stateDirectory: string; passphraseFile: string };
  workstation: {
    address: string;
    /** For `ip netns exec`. */
    netns: string;
    /** The private key that hosts, VMs and forge accept for root, and its public half: `ssh-ed25519 AAAA…`. */
    sshKeyPath: string;
    publicKey: string;
    /** Pins the host keys of the site's servers. */
    knownHostsPath: string;
    /** Runs a command in the site's network. See `runOnWorkstation`. */
    run(command: string, args?: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  };
  /** DNS, DHCP range and default gateway of the LAN. */
  network: typeof network;
}

/** Makes what is missing of LAN, workstation, key and passphrase. The caller holds the site's lock. */
export async function ensureOperator(layout: Layout): Promise<void> {
  await ensureKey(layout.path("ssh", "id_ed25519"), `operator@${layout.name}`);
  mkdirSync(layout.path("state"), { recursive: true, mode: 0o700 });
  if (!existsSync(layout.path("passphrase")))
    writePrivately(layout.path("passphrase"), randomBytes(24).toString("base64url"));
  if (!lanStands(layout)) await step("Plugging in the LAN switch", () => makeLan(layout));
  if (!(await isPluggedIn(layout, "ws"))) await makeWorkstation(layout);
}

/** The site's description, without a look at what stands. The key must be there. */
export function operatorSite(layout: Layout): OperatorSite {
  return {
    name: layout.name,
    directory: layout.directory,
    pulumi: { stateDirectory: layout.path("state"), passphraseFile: layout.path("passphrase") },
    workstation: {
      address: network.workstation,
      netns: layout.netns("ws"),
      sshKeyPath: layout.path("ssh", "id_ed25519"),
      publicKey: publicKey(layout.path("ssh", "id_ed25519")),
      knownHostsPath: layout.path("ssh", "known_hosts"),
      run: (command, args, options) => runOnWorkstation(layout, command, args, options),
    },
    network,
  };
}
