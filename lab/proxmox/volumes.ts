/**
 * Volumes of VMs: allocating, importing, naming, and what stands behind a drive of a request.
 */
import { failed } from "./api-error.ts";
import type { Cluster } from "./cluster.ts";
import { type Drive, formatDrive, storageOf } from "./drives.ts";
import type { SimulatedStorage, Volume } from "./state.ts";

const gibibyte = 1024 ** 3;
const cloudInitSize = 4 * 1024 ** 2;

/** Whether volumes of a storage are files, and named so. */
function isFileBased(storage: SimulatedStorage): boolean {
  return ["dir", "nfs", "cifs", "btrfs"].includes(storage.type);
}

/**
 * Makes a volume for a VM.
 * @param name for example `cloudinit`; default: the next free `disk-N`.
 * @throws ApiError when the storage holds no images, or is full.
 */
export function allocate(
  { state, faults }: Pick<Cluster, "state" | "faults">,
  storageId: string,
  vmid: number,
  size: number,
  name?: string,
): Volume {
  const storage = state.requireStorage(storageId);
  if (!storage.content.includes("images")) throw failed(`storage '${storageId}' does not support vm images`);
  const volid = name ? volumeId(storage, vmid, name) : nextDisk(storage, vmid);
  const used = state.volumes(storage).reduce((sum, volume) => sum + volume.size, 0);
  if (faults.isFull(storageId) || used + size > storage.total) {
    const what = volid.slice(volid.indexOf(":") + 1);
    throw failed(
      isFileBased(storage)
        ? `unable to create image: qemu-img: ${storage.path ?? ""}/images/${what}: No space left on device`
        : `lvcreate 'pve/${what}' error: Cannot create new thin volume, free space in thin pool pve/data reached threshold.`,
    );
  }
  const format = isFileBased(storage) ? "qcow2" : "raw";
  const volume: Volume = { volid, content: "images", format, size, ctime: Math.floor(Date.now() / 1000), vmid };
  storage.volumes.set(volid, volume);
  return volume;
}

function volumeId(storage: SimulatedStorage, vmid: number, name: string): string {
  return isFileBased(storage) ? `${storage.id}:${vmid}/vm-${vmid}-${name}.qcow2` : `${storage.id}:vm-${vmid}-${name}`;
}

function nextDisk(storage: SimulatedStorage, vmid: number): string {
  const names = [...storage.volumes.keys()];
  const taken = (n: number) => names.some((volid) => new RegExp(`(vm|base)-${vmid}-disk-${n}(\\.|$)`).test(volid));
  let n = 0;
  while (taken(n)) n++;
  return volumeId(storage, vmid, `disk-${n}`);
}

/**
 * Makes what a drive of a request asks for, and returns the drive as the configuration has it.
 * @throws ApiError when it cannot be made.
 */
export function materialise(cluster: Pick<Cluster, "state" | "faults">, vmid: number, drive: Drive): string {
  const { source, options } = drive;
  switch (source.kind) {
    case "cd":
      return formatDrive(source.file, options);
    case "cloudinit": {
      const there = findCloudInit(cluster, source.storage, vmid);
      const volume = there ?? allocate(cluster, source.storage, vmid, cloudInitSize, "cloudinit");
      return formatDrive(volume.volid, new Map([...options, ["media", "cdrom"]]), volume.size);
    }
    case "new": {
      const size = source.importFrom ? imageSize(cluster, source.importFrom) : source.gib * gibibyte;
      return formatDrive(allocate(cluster, source.storage, vmid, size).volid, options, size);
    }
    case "volume": {
      const volume = cluster.state.volume(source.volid);
      if (!volume) throw failed(`volume '${source.volid}' does not exist`);
      return formatDrive(volume.volid, options, volume.size);
    }
  }
}

function findCloudInit({ state }: Pick<Cluster, "state">, storageId: string, vmid: number): Volume | undefined {
  const storage = state.requireStorage(storageId);
  return storage.volumes.get(volumeId(storage, vmid, "cloudinit"));
}

function imageSize({ state }: Pick<Cluster, "state">, volid: string): number {
  const image = state.volume(volid);
  if (!image) throw failed(`volume '${volid}' does not exist`);
  return state.virtualSizes.get(volid) ?? image.size;
}

/** The volume of a drive for a template: `base-…` instead of `vm-…`. Returns its new name. */
export function makeBase({ state }: Pick<Cluster, "state">, volid: string): string {
  const storage = state.requireStorage(storageOf(volid));
  const volume = storage.volumes.get(volid);
  if (!volume) throw failed(`volume '${volid}' does not exist`);
  const base = { ...volume, volid: volid.replace(/(^|[:/])vm-(\d+-disk-)/, "$1base-$2") };
  storage.volumes.delete(volid);
  storage.volumes.set(base.volid, base);
  return base.volid;
}

/** The volume of a linked clone, which stands on its template's. */
export function linkTo(cluster: Pick<Cluster, "state" | "faults">, base: Volume, vmid: number): Volume {
  const volume = allocate(cluster, storageOf(base.volid), vmid, base.size);
  const { volumes } = cluster.state.requireStorage(storageOf(base.volid));
  const [storage, name] = volume.volid.split(":");
  volumes.delete(volume.volid);
  volume.volid = `${storage}:${base.volid.slice(base.volid.indexOf(":") + 1)}/${name}`;
  volume.parent = base.volid;
  volumes.set(volume.volid, volume);
  return volume;
}

/** Every volume that belongs to a VM. */
export function volumesOf({ state }: Pick<Cluster, "state">, vmid: number): Volume[] {
  return [...state.storages.values()]
    .flatMap((storage) => [...storage.volumes.values()])
    .filter((v) => v.vmid === vmid);
}
