/**
 * NetBox as a part of a site: on the LAN, in a network namespace of its own.
 */
import { execa } from "execa";
import { cgroupPath, makeCgroup, removeCgroup } from "../cgroups.ts";
import { isPluggedIn, plugIn } from "../lan.ts";
import { type Layout, network } from "../layout.ts";
import { isAlive, recordedProcess } from "../processes.ts";
import { inSite } from "./processes.ts";
import { secretFiles, startNetbox } from "./server.ts";
import type { NetboxSoftware } from "./software.ts";

/** A site's NetBox. */
export interface SiteNetbox {
  url: string;
  address: string;
  /** A superuser's API token, v2. 0600. */
  tokenFile: string;
  /** Password of `admin` for the web pages. 0600. */
  passwordFile: string;
}

const port = 8000;

/** Its description, without a look at what stands. */
export function siteNetbox(layout: Layout): SiteNetbox {
  const { token, password } = secretFiles(layout.path("netbox"));
  const url = `http://netbox.lab:${port}`;
  return { url, address: network.netbox, tokenFile: token, passwordFile: password };
}

/** Whether all of its processes run. */
export async function netboxStands(layout: Layout): Promise<boolean> {
  const runs = (name: string) => isAlive(recordedProcess(layout.path("netbox", `${name}.json`)));
  return ["postgres", "redis", "gunicorn"].every(runs) && (await isPluggedIn(layout, "netbox"));
}

/** Starts it anew, with the data that it had: about 10 s. */
export async function startNetboxPart(layout: Layout, software: NetboxSoftware): Promise<void> {
  await removeCgroup(cgroupPath(layout.name, "netbox"));
  await plugIn(layout, "netbox", network.netbox);
  const namespace = layout.netns("netbox");
  // A new namespace has what the machine's own network has, which may be a router.
  const enter = ["nsenter", `--net=/run/netns/${namespace}`] as const;
  await execa(enter[0], [enter[1], "sysctl", "-q", "-w", "net.ipv4.ip_forward=0"]);
  const directory = layout.path("netbox");
  const launcher = inSite(directory, namespace, makeCgroup(layout.name, "netbox"));
  await startNetbox(software, { directory, address: network.netbox, port, launcher, reach: enter });
}
