/**
 * What a simulated Proxmox VE cluster has: nodes, storages with volumes, VMs, pools. Data and how to find it, no rules.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { ApiError, failed } from "./api-error.ts";

/** Values of a VM's configuration: what Proxmox VE answers as numbers is a number. */
export type VmConfig = Record<string, string | number>;

/** A virtual machine, or a template. */
export interface SimulatedVm {
  readonly vmid: number;
  node: string;
  status: "running" | "stopped";
  /** As `GET …/config` answers it, the password masked. */
  config: VmConfig;
  pool?: string;
  /** `create`, `clone`, …: who else wants to write is refused. */
  lock?: string;
  /** Process id while it runs. */
  pid?: number;
  /** Milliseconds since 1970, when it was started. */
  startedAt?: number;
  /** Addresses with prefix length of each network device while it runs, for example `{ net0: ["10.0.0.5/24"] }`. */
  addresses: Record<string, string[]>;
}

/** A volume of a storage. */
export interface Volume {
  /** For example `local-lvm:vm-100-disk-0` or `local:import/noble.qcow2`. */
  volid: string;
  content: "images" | "import" | "iso" | "vztmpl" | "snippets" | "backup";
  format: string;
  /** Bytes. */
  size: number;
  /** Seconds since 1970. */
  ctime: number;
  vmid?: number;
  /** SHA-256 of the image that an import volume was downloaded from. */
  sha256?: string;
  /** What a linked clone stands on. */
  parent?: string;
}

/** A storage. */
export interface SimulatedStorage {
  readonly id: string;
  /** For example `dir` or `lvmthin`. */
  readonly type: string;
  /** What it may hold: `images`, `import`, `snippets`, … */
  readonly content: readonly string[];
  /** Directory of a `dir` storage. Snippets in it are real files, so that a real sshd can write them. */
  readonly path?: string;
  /** Whether all nodes see the same. */
  readonly shared?: boolean;
  /** Bytes. */
  readonly total: number;
  readonly volumes: Map<string, Volume>;
}

/** An image that the cluster can download. */
export interface PublishedImage {
  /** Bytes of the file. */
  size: number;
  /** Bytes of the disk in it; default: as the file. */
  virtualSize?: number;
  /** Hexadecimal SHA-256 of the file; what a request's checksum is compared with. */
  sha256: string;
}

/** The cluster. */
export class State {
  readonly storages = new Map<string, SimulatedStorage>();
  readonly vms = new Map<number, SimulatedVm>();
  readonly pools = new Map<string, { comment: string }>();
  /** By URL. */
  readonly images = new Map<string, PublishedImage>();
  /** Virtual sizes of downloaded images, by volume. */
  readonly virtualSizes = new Map<string, number>();

  constructor(
    readonly nodes: readonly string[],
    /** Bridges that every node has. */
    readonly bridges: readonly string[],
  ) {}

  /** @throws ApiError 596 as when pveproxy cannot reach the node. */
  requireNode(node: string): void {
    if (!this.nodes.includes(node)) throw new ApiError(596, `no such cluster node '${node}'`);
  }

  /** @throws ApiError when there is none. */
  requireStorage(id: string): SimulatedStorage {
    const storage = this.storages.get(id);
    if (!storage) throw failed(`storage '${id}' does not exist`);
    return storage;
  }

  /** A VM on a node. @throws ApiError as when its configuration file is not there. */
  requireVm(node: string, vmid: number): SimulatedVm {
    this.requireNode(node);
    const vm = this.vms.get(vmid);
    if (vm?.node !== node) throw failed(`Configuration file 'nodes/${node}/qemu-server/${vmid}.conf' does not exist`);
    return vm;
  }

  /** The first free id from 100 on. */
  nextId(): number {
    let vmid = 100;
    while (this.vms.has(vmid)) vmid++;
    return vmid;
  }

  /** A volume, or nothing. */
  volume(volid: string): Volume | undefined {
    const storage = this.storages.get(volid.slice(0, volid.indexOf(":")));
    return storage && (storage.volumes.get(volid) ?? snippets(storage).find((one) => one.volid === volid));
  }

  /** Everything on a storage, snippets as they lie in its directory. */
  volumes(storage: SimulatedStorage): Volume[] {
    return [...storage.volumes.values(), ...snippets(storage)];
  }

  /** Removes a volume; one that is not there is no error. */
  removeVolume(volid: string): void {
    const storage = this.storages.get(volid.slice(0, volid.indexOf(":")));
    if (!storage?.volumes.delete(volid) && storage?.path && volid.includes(":snippets/")) {
      rmSync(join(storage.path, "snippets", volid.slice(volid.indexOf("/") + 1)), { force: true });
    }
  }
}

function snippets(storage: SimulatedStorage): Volume[] {
  if (!storage.path || !storage.content.includes("snippets")) return [];
  const directory = join(storage.path, "snippets");
  mkdirSync(directory, { recursive: true });
  return readdirSync(directory).map((name) => {
    const { size, ctimeMs } = statSync(join(directory, name));
    const volid = `${storage.id}:snippets/${name}`;
    return { volid, content: "snippets", format: "snippet", size, ctime: Math.floor(ctimeMs / 1000) };
  });
}
