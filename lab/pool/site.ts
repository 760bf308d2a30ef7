/**
 * A site for pools: a LAN, a workstation, and a simulated Proxmox host. `siteDown` of site.ts takes it away like any other.
 */
import { mkdirSync } from "node:fs";
import { withLock } from "../../lib/lock.ts";
import { note, step } from "../../lib/progress.ts";
import { ensureHostImage } from "../images/images.ts";
import { isPluggedIn, lanStands } from "../lan.ts";
import { type Layout, layoutOf, network } from "../layout.ts";
import { netboxStands, type SiteNetbox, siteNetbox, startNetboxPart } from "../netbox/part.ts";
import { ensureNetboxSoftware, missingForNetbox, type NetboxSoftware } from "../netbox/software.ts";
import { ensureOperator, type OperatorSite, operatorSite } from "../operator-site.ts";
import { ensurePrerequisites } from "../prerequisites.ts";
import { type SiteStatus, siteDown, statusOf } from "../site.ts";
import { apiPort, proxmoxFiles, proxmoxStands, startProxmoxHost } from "./host.ts";

/** A site for pools that stands. */
export interface ProxmoxSite extends OperatorSite {
  proxmox: {
    url: string;
    /** On the site's LAN; `root` logs in there with the operator's key. */
    address: string;
    /** PEM, for `SSL_CERT_FILE`. */
    certificateFile: string;
    /** An API token with every privilege, as a client sends it. 0600. */
    tokenFile: string;
  };
  /** The authority over addresses; absent where this machine cannot run it. */
  netbox?: SiteNetbox;
}

/** What a site for pools is to have. */
export interface ProxmoxSiteOptions {
  name: string;
  /** Whether there is an authority over addresses, where this machine can run one. Default true. */
  netbox?: boolean;
}

/**
 * Brings the site up, or attaches to it when it stands. A simulation keeps its VMs in memory: a site whose Proxmox host is
 * gone is taken away first and made anew, its Pulumi state included.
 */
export async function proxmoxSiteUp({ name, netbox = true }: ProxmoxSiteOptions): Promise<ProxmoxSite> {
  const layout = layoutOf(name);
  await ensurePrerequisites();
  const [image, software] = [await ensureHostImage(), netbox ? await netboxSoftware() : undefined];
  const { state } = await proxmoxSiteStatus({ name, netbox });
  if (state === "partial") await step(`Taking away what is left of site ${name}`, () => siteDown(name));
  mkdirSync(layout.directory, { recursive: true, mode: 0o700 });
  await withLock(layout.directory, async () => {
    await ensureOperator(layout);
    if (software && !(await netboxStands(layout)))
      await step("Starting NetBox", () => startNetboxPart(layout, software), "10 s");
    if (!(await proxmoxStands(layout)))
      await step("Starting the simulated Proxmox VE", () => startProxmoxHost(layout, image));
  });
  return describe(layout, software !== undefined);
}

/** NetBox's programs; undefined, and said, where this machine cannot run them. */
async function netboxSoftware(): Promise<NetboxSoftware | undefined> {
  const missing = missingForNetbox();
  if (missing.length === 0) return ensureNetboxSoftware();
  note(`no NetBox: this machine lacks ${missing.join(", ")}; addresses are static`);
  return undefined;
}

function describe(layout: Layout, hasNetbox: boolean): ProxmoxSite {
  const { certificate, token } = proxmoxFiles(layout);
  return {
    ...operatorSite(layout),
    proxmox: {
      url: `https://${network.proxmox}:${apiPort}`,
      address: network.proxmox,
      certificateFile: certificate,
      tokenFile: token,
    },
    ...(hasNetbox ? { netbox: siteNetbox(layout) } : {}),
  };
}

/** What is there of a site for pools. Changes nothing. */
export async function proxmoxSiteStatus({ name, netbox = true }: ProxmoxSiteOptions): Promise<SiteStatus> {
  const layout = layoutOf(name);
  return statusOf(layout, {
    lan: lanStands(layout),
    ws: await isPluggedIn(layout, "ws"),
    pve: await proxmoxStands(layout),
    ...(netbox && missingForNetbox().length === 0 ? { netbox: await netboxStands(layout) } : {}),
  });
}
