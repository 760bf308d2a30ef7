/**
 * The VMs and volumes of a simulated cluster as data, so that a recorded Pulumi state finds again what it was made of.
 */
import type { PublishedImage, SimulatedVm, State, Volume } from "./state.ts";

/** VMs, volumes and images; nodes, bridges and storages are the next simulation's own. */
export interface ClusterSnapshot {
  vms: SimulatedVm[];
  volumes: Volume[];
  /** By URL. */
  images: Record<string, PublishedImage>;
}

/** What the cluster has now. Snippets are files, and not part of it. */
export function takeSnapshot(state: State): ClusterSnapshot {
  const volumes = [...state.storages.values()].flatMap((storage) => [...storage.volumes.values()]);
  return structuredClone({ vms: [...state.vms.values()], volumes, images: Object.fromEntries(state.images) });
}

/** Puts it all into a cluster. @throws ApiError when that lacks a storage. */
export function restoreSnapshot(state: State, snapshot: ClusterSnapshot): void {
  const { vms, volumes, images } = structuredClone(snapshot);
  for (const volume of volumes) {
    state.requireStorage(volume.volid.slice(0, volume.volid.indexOf(":"))).volumes.set(volume.volid, volume);
  }
  for (const vm of vms) state.vms.set(vm.vmid, vm);
  for (const [url, image] of Object.entries(images)) state.images.set(url, image);
}
