/**
 * A stand-in for Proxmox VE: its HTTPS API, simulated, for the provider and our own code to be tried on. No VM runs, no disk
 * is written, no network is made; what the API says about them is true to Proxmox VE 9 as far as
 * docs/lab.md lists it, and no further. It is never evidence that something works on a real Proxmox VE.
 */
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leases } from "./addresses.ts";
import { selfSigned } from "./certificate.ts";
import type { Cluster, MachineHooks } from "./cluster.ts";
import { Faults } from "./faults.ts";
import { putTemplate } from "./machines.ts";
import { type Grants, Permissions } from "./permissions.ts";
import { type LoggedRequest, serve } from "./server.ts";
import { type ClusterSnapshot, restoreSnapshot, takeSnapshot } from "./snapshot.ts";
import { type PublishedImage, type SimulatedStorage, type SimulatedVm, State, type Volume } from "./state.ts";
import { Tasks } from "./tasks.ts";

/** A storage to have. */
export interface StorageOptions {
  id: string;
  /** For example `dir` or `lvmthin`. */
  type: string;
  content: string[];
  /**
   * Directory of a `dir` storage; snippets in it are real files. The API gives it to clients, which write there by SSH: an
   * sshd in a root of its own must have it at the same path.
   */
  path?: string;
  /** Whether it says of itself that all nodes see the same; default: no. */
  shared?: boolean;
  /** Bytes; default 1 TiB. */
  total?: number;
}

/** How the simulation is to be. Everything has a default. */
export interface ProxmoxOptions extends Partial<MachineHooks> {
  /** Address to listen on; default `127.0.0.1`. The process must be in the network namespace that has it. */
  address?: string;
  /** Default: any free port. A real Proxmox VE has 8006. */
  port?: number;
  /** Default `pve1`. */
  nodes?: string[];
  /** Default `vmbr0`, `vnetdev`, `vnetstag`, `vnetprod`, `vnetddev`, `vnetdstg`, `vnetdprd`, `vnetdata`. */
  bridges?: string[];
  /** Default: `local` (dir: import, iso, vztmpl, snippets) in a directory of its own, and `local-lvm` (lvmthin: images). */
  storages?: StorageOptions[];
  /** How long a task runs, in milliseconds; default 5. */
  taskMs?: number;
  /** From a VM's start until its agent answers, in milliseconds; default 5. */
  agentMs?: number;
  /** VMs and volumes to begin with, as `snapshot` gave them. Hooks are not told of those that run. */
  snapshot?: ClusterSnapshot;
  /** First address that DHCP gives, with prefix length; default `192.0.2.100/24`. Not used with `lease`. */
  dhcp?: string;
}

/** A template to put there. */
export interface TemplateOptions {
  name: string;
  /** Default: the next free id. */
  vmid?: number;
  /** Default: the first. */
  node?: string;
  /** Default `local-lvm`. */
  storage?: string;
  /** Size of its one disk, `scsi0`; default 4. */
  diskGib?: number;
  /** More of its configuration, as a request spells it, for example `{ tags: "holdfast" }`. */
  config?: Record<string, string>;
}

/** A running simulation. */
export interface SimulatedProxmox {
  /** For example `https://127.0.0.1:34567`. */
  readonly url: string;
  /** The certificate in PEM, for `SSL_CERT_FILE`. */
  readonly certificate: string;
  /** API token `root@pam!holdfast` with every privilege, as a client sends it: `user@realm!id=uuid`. */
  readonly token: string;
  /** Makes an API token with limited rights, or gives one a new secret; returns it as a client sends it. */
  addToken(name: string, grants: Grants): string;
  /** Gives a user a password and every privilege. */
  addUser(name: string, password: string): void;
  /** Lets the cluster download an image from a URL. */
  publish(url: string, image: PublishedImage): void;
  /** Puts a template there, as if somebody had made it; returns its id. */
  addTemplate(template: TemplateOptions): number;
  /** What can go wrong. */
  readonly faults: Faults;
  /** Every request so far, with passwords and keys left out. */
  readonly requests: readonly LoggedRequest[];
  /** A VM by id or by name. @throws Error when there is none, naming those that there are. */
  vm(idOrName: number | string): SimulatedVm;
  /** All VMs and templates, by id. */
  vms(): SimulatedVm[];
  /** Everything on a storage. */
  volumes(storage: string): Volume[];
  /** VMs and volumes as they are now. */
  snapshot(): ClusterSnapshot;
  /** Stops listening, ends tasks, runs `onStop` for what runs. */
  stop(): Promise<void>;
}

const siteBridges = "vmbr0 vnetdev vnetstag vnetprod vnetddev vnetdstg vnetdprd vnetdata".split(" ");
const tebibyte = 1024 ** 4;

/**
 * Starts a simulated Proxmox VE over TLS 1.3 and returns its handle.
 * @throws Failure when there is no openssl; Error when the address is not to be had.
 */
export async function startProxmox(options: ProxmoxOptions = {}): Promise<SimulatedProxmox> {
  const { address = "127.0.0.1", nodes = ["pve1"], bridges = siteBridges, taskMs = 5, agentMs = 5 } = options;
  const scratch = mkdtempSync(join(tmpdir(), "holdfast-proxmox-"));
  const state = new State(nodes, bridges);
  for (const storage of options.storages ?? defaultStorages(scratch))
    state.storages.set(storage.id, storageFrom(storage));
  if (options.snapshot) restoreSnapshot(state, options.snapshot);
  const faults = new Faults();
  const tasks = new Tasks(faults, taskMs);
  const permissions = new Permissions();
  const hooks: MachineHooks = {
    lease: options.lease ?? leases(options.dhcp ?? "192.0.2.100/24"),
    onStart: options.onStart ?? (() => {}),
    onStop: options.onStop ?? (() => {}),
    onDestroy: options.onDestroy ?? (() => {}),
  };
  const certificate = await selfSigned([address]);
  const requests: LoggedRequest[] = [];
  const cluster: Cluster = { state, tasks, faults, permissions, hooks, agentMs };
  const server = await serve(cluster, certificate, requests);
  await server.listen({ host: address, port: options.port ?? 0 });
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `https://${address}:${port}`,
    certificate: certificate.cert,
    token: permissions.addToken("root@pam!holdfast", { "/": ["*"] }),
    addToken: (name, grants) => permissions.addToken(name, grants),
    addUser: (name, password) => permissions.addUser(name, password),
    publish: (url, image) => void state.images.set(url, image),
    addTemplate: (template) => addTemplate(cluster, template),
    faults,
    requests,
    vm: (idOrName) => findVm(state, idOrName),
    vms: () => [...state.vms.values()].sort((a, b) => a.vmid - b.vmid),
    volumes: (storage) => state.volumes(state.requireStorage(storage)),
    snapshot: () => takeSnapshot(state),
    async stop() {
      await server.close();
      await tasks.stop();
      for (const vm of state.vms.values()) if (vm.status === "running") await hooks.onStop(vm);
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

function defaultStorages(directory: string): StorageOptions[] {
  return [
    { id: "local", type: "dir", path: directory, content: ["import", "iso", "vztmpl", "snippets"] },
    { id: "local-lvm", type: "lvmthin", content: ["images", "rootdir"] },
  ];
}

function storageFrom({ total = tebibyte, ...options }: StorageOptions): SimulatedStorage {
  return { ...options, total, volumes: new Map() };
}

function addTemplate(cluster: Cluster, options: TemplateOptions): number {
  const { name, vmid = cluster.state.nextId(), node = cluster.state.nodes[0] ?? "", diskGib = 4 } = options;
  const set = { agent: "1", boot: "order=scsi0", cores: "1", memory: "512", sockets: "1", net0: "virtio,bridge=vmbr0" };
  const scsi0 = `${options.storage ?? "local-lvm"}:${diskGib}`;
  putTemplate(cluster, node, vmid, { ...set, scsi0, name, ...options.config });
  return vmid;
}

function findVm(state: State, idOrName: number | string): SimulatedVm {
  const all = [...state.vms.values()];
  const found = all.find(({ vmid, config }) => vmid === idOrName || config.name === idOrName);
  if (found) return found;
  const there = all.map(({ vmid, config }) => `${vmid} ${config.name ?? ""}`).join(", ");
  throw new Error(`the simulated Proxmox VE has no VM ${idOrName}; it has: ${there || "none"}`);
}
