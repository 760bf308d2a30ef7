/**
 * `npm run lab -- proxmox`: the main job of pools from nothing to nothing, and what of it is shown.
 */
import { Failure } from "../../lib/failure.ts";
import { step } from "../../lib/progress.ts";
import { siteDown } from "../site.ts";
import {
  announce,
  deployAuthority,
  deployPool,
  deployTemplate,
  destroyPool,
  type ListedVm,
  listVms,
  openProxmoxSite,
  type PoolProof,
  type PoolWorkspace,
  previewClean,
  provePool,
} from "./demo.ts";
import { lanBridge, privateBridge } from "./host.ts";
import { proxmoxSiteStatus } from "./site.ts";

/** The site of `npm run lab -- proxmox`. */
export const poolSiteName = "proxmox";

/**
 * Runs the job on a site of its own. What an earlier run left of that site goes first.
 * @param keep whether site and pool are left standing; otherwise both go, after a failure too.
 */
export async function poolJob({ keep }: { keep: boolean }): Promise<void> {
  const began = performance.now();
  announce();
  const { state } = await proxmoxSiteStatus({ name: poolSiteName });
  if (state !== "down") await takeAway("what an earlier run left");
  try {
    const workspace = await openProxmoxSite(poolSiteName);
    await deployAuthority(workspace);
    await deployTemplate(workspace);
    await deployPool(workspace);
    const proof = await provePool(workspace);
    await previewClean(workspace);
    process.stdout.write(summary(workspace, proof, await listVms(workspace)));
    if (keep) return void process.stdout.write(lookAround);
    await destroyPool(workspace);
    const left = await listVms(workspace);
    if (left.length > 0) throw new Failure(`the cluster still has ${names(left)} after both destroys.`);
    process.stdout.write("\n✓ the cluster has no VM and no template left\n");
  } finally {
    if (!keep) await takeAway(`site ${poolSiteName}`);
    process.stderr.write(`${((performance.now() - began) / 1000).toFixed(0)} s in all\n`);
  }
}

function takeAway(what: string): Promise<void> {
  return step(`Taking away ${what}`, () => siteDown(poolSiteName));
}

const lookAround = "\n  look around: npm run lab -- shell proxmox | status proxmox | down proxmox\n";

function summary({ site }: PoolWorkspace, { vms, status, verified }: PoolProof, listed: ListedVm[]): string {
  const lines = vms.flatMap(({ name, vmId, address, attempts }) => [
    `  ${name}  id ${vmId}  ${address}`,
    ...attempts.map(
      ({ route, stage, reason, seconds }) =>
        `    ${route}: ${stage === "ready" ? "ready" : `failed at ${stage}: ${reason}`}  ${seconds} s`,
    ),
  ]);
  return `
✓ ${vms.length} VMs, readiness ${status}; ready means: proxy, TCP, banner, host key, login and cloud-init passed
${lines.join("\n")}
✓ the second preview of both stacks has no changes
✓ evidence: ${verified.replace(/^✓ /, "")}
  workstation  ${site.workstation.address}    where pulumi runs; it has no way to ${privateBridge.name}
  Proxmox VE   ${site.proxmox.address}   ${site.proxmox.url}, simulated; ${lanBridge} and ${privateBridge.name} (${privateBridge.address}/${privateBridge.prefix})
  its list     ${names(listed)}
`;
}

function names(vms: ListedVm[]): string {
  return vms.map(({ vmid, name }) => `${vmid} ${name}`).join(", ");
}
