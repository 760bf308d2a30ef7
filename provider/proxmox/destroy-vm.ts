/**
 * Removing a VM that nobody needs, with its disks: a clone of a template's test, or one that an update left.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type ProxmoxApi, taskName } from "../../lib/proxmox/api.ts";
import { type ClusterVm, vmConfig } from "./cluster.ts";

const destroyMs = 300_000;

/** Destroys a VM that does not run, with everything that is filed under it. */
export async function destroyVm(api: ProxmoxApi, { node, vmid }: Pick<ClusterVm, "node" | "vmid">): Promise<void> {
  const fields = { purge: 1, "destroy-unreferenced-disks": 1 };
  await api.ended(await api.send("DELETE", `/nodes/${node}/qemu/${vmid}`, taskName, fields), destroyMs);
}

/**
 * Waits until nothing else works on a VM any more: whoever was cut off may have left the cluster cloning. One that stays locked
 * is left to the refusal of what comes next, which names the lock.
 * @returns whether there is still such a VM.
 */
export async function waitUntilUnlocked(
  api: ProxmoxApi,
  { node, vmid }: Pick<ClusterVm, "node" | "vmid">,
  withinMs: number,
): Promise<boolean> {
  const end = performance.now() + withinMs;
  for (let wait = 200; ; wait = Math.min(wait * 2, 2_000)) {
    const config = await vmConfig(api, node, vmid);
    if (config === undefined || config.lock === undefined || performance.now() >= end) return config !== undefined;
    await pause(wait);
  }
}
