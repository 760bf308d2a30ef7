/**
 * What happens to VMs: create, clone, template, start, stop, resize, destroy. Each checks what Proxmox VE checks before it
 * answers, and returns the UPID of the task that does the rest.
 */

import { addressesOf } from "./addresses.ts";
import { failed } from "./api-error.ts";
import type { Cluster } from "./cluster.ts";
import { formatDrive, isDriveKey, readDrive, storageOf } from "./drives.ts";
import { formatNet, newMac, parseNet } from "./nets.ts";
import { parseProperties, parseSize } from "./property-string.ts";
import type { SimulatedVm, VmConfig } from "./state.ts";
import type { NewTask } from "./tasks.ts";
import { applyChange, type ConfigChange, type Fields, readChange } from "./vm-config.ts";
import { allocate, linkTo, makeBase, volumesOf } from "./volumes.ts";

/** @throws ApiError 500 while something else writes to the VM. */
export function requireUnlocked(vm: SimulatedVm): void {
  if (vm.lock) throw failed(`VM is locked (${vm.lock})`);
}

/** Whether a VM is a template. */
export function isTemplate(vm: SimulatedVm): boolean {
  return vm.config.template === 1;
}

/** The drives of a VM that are disks, by key. */
export function disksOf(vm: SimulatedVm): [string, ReturnType<typeof readDrive>][] {
  const drives = Object.entries(vm.config).filter(([key]) => isDriveKey(key));
  const read = drives.map(([key, value]) => [key, readDrive(String(value))] as [string, ReturnType<typeof readDrive>]);
  return read.filter(([, drive]) => drive.options.get("media") !== "cdrom");
}

type Work = (log: (line: string) => void) => void | Promise<void>;

/** Starts a task on a VM, which must not be locked, and is not by this task either. */
function vmTask(cluster: Cluster, vm: SimulatedVm, user: string, type: string, work: Work): string {
  requireUnlocked(vm);
  return cluster.tasks.start({ node: vm.node, type, id: vm.vmid, user, work });
}

/** Starts a task that makes a VM. Until it has ended the VM is locked; when it fails there is none. */
function making(cluster: Cluster, vm: SimulatedVm, lock: string, task: Omit<NewTask, "undo" | "settle">): string {
  vm.lock = lock;
  cluster.state.vms.set(vm.vmid, vm);
  return cluster.tasks.start({ ...task, undo: () => discard(cluster, vm), settle: () => delete vm.lock });
}

/** `POST /nodes/N/qemu`. What was made of a VM that cannot be made whole is taken away. */
export function create(
  cluster: Cluster,
  user: string,
  node: string,
  vmid: number,
  change: ConfigChange,
  options: { pool?: string | undefined; start?: boolean },
): string {
  const { state } = cluster;
  const there = state.vms.get(vmid);
  if (there) throw failed(`unable to create VM ${vmid} - VM ${vmid} already exists on node '${there.node}'`);
  const vm = newVm(vmid, node, identity());
  if (options.pool !== undefined) vm.pool = options.pool;
  const work = async () => {
    try {
      applyChange(cluster, vm, change);
    } catch (error) {
      throw failed(`unable to create VM ${vmid} - ${(error as Error).message}`);
    }
    if (options.start) await powerOn(cluster, vm);
  };
  return making(cluster, vm, "create", { node, type: "qmcreate", id: vmid, user, work });
}

/** What `POST …/clone` may say. */
export interface CloneOptions {
  newid: number;
  name?: string | undefined;
  description?: string | undefined;
  /** Default: linked for a template. */
  full?: boolean | undefined;
  storage?: string | undefined;
  pool?: string | undefined;
  /** Node; default: the source's. */
  target?: string | undefined;
}

/** `POST …/clone`. */
export function clone(cluster: Cluster, user: string, source: SimulatedVm, options: CloneOptions): string {
  const { state } = cluster;
  requireUnlocked(source);
  const { newid, storage, target = source.node, full = !isTemplate(source) } = options;
  if (state.vms.has(newid)) throw failed(`unable to create VM ${newid}: config file already exists`);
  state.requireNode(target);
  if (!full) requireLinkable(source, storage);
  if (storage !== undefined) state.requireStorage(storage);
  const vm = newVm(newid, target, { ...withoutIdentity(source.config), ...identity() });
  vm.config.name = options.name ?? `Copy-of-VM-${source.config.name ?? source.vmid}`;
  if (options.description !== undefined) vm.config.description = options.description;
  if (options.pool !== undefined) vm.pool = options.pool;
  const drives = Object.entries(vm.config).filter(([key]) => isDriveKey(key));
  for (const [key] of drives) delete vm.config[key];
  const work = () => {
    try {
      for (const [key, value] of drives) vm.config[key] = copyDrive(cluster, newid, String(value), full, storage);
    } catch (error) {
      throw failed(`clone failed: ${(error as Error).message}`);
    }
  };
  // Proxmox VE files a clone under its source.
  return making(cluster, vm, "clone", { node: source.node, type: "qmclone", id: source.vmid, user, work });
}

function requireLinkable(source: SimulatedVm, storage: string | undefined): void {
  if (storage !== undefined) throw failed("parameter 'storage' not allowed for linked clones");
  if (isTemplate(source)) return;
  const [key, drive] = disksOf(source)[0] ?? ["scsi0", { volid: "" }];
  throw failed(`Linked clone feature is not supported for drive '${key}' (${drive.volid})`);
}

function copyDrive(cluster: Cluster, vmid: number, value: string, full: boolean, storage: string | undefined): string {
  const { volid, size, options } = readDrive(value);
  const volume = cluster.state.volume(volid);
  if (!volume) return value;
  const target = storage ?? storageOf(volid);
  if (options.get("media") === "cdrom") {
    return volume.vmid === undefined
      ? value
      : formatDrive(allocate(cluster, target, vmid, volume.size, "cloudinit").volid, options, size);
  }
  const copy = full ? allocate(cluster, target, vmid, volume.size) : linkTo(cluster, volume, vmid);
  return formatDrive(copy.volid, options, copy.size);
}

/** `POST …/template`. */
export function convertToTemplate(cluster: Cluster, user: string, vm: SimulatedVm): string {
  if (isTemplate(vm)) throw failed("you can't convert a template to a template");
  if (vm.status === "running") throw failed("you can't convert a VM to template if VM is running");
  return vmTask(cluster, vm, user, "qmtemplate", () => becomeTemplate(cluster, vm));
}

function becomeTemplate(cluster: Cluster, vm: SimulatedVm): void {
  for (const [key, { volid, size, options }] of disksOf(vm)) {
    vm.config[key] = formatDrive(makeBase(cluster, volid), options, size);
  }
  vm.config.template = 1;
}

/** Puts a template there at once. @throws ApiError when its configuration is wrong or its id is taken. */
export function putTemplate(cluster: Cluster, node: string, vmid: number, fields: Fields): void {
  if (cluster.state.vms.has(vmid)) throw failed(`VM ${vmid} already exists`);
  const vm = newVm(vmid, node, identity());
  applyChange(cluster, vm, readChange(fields));
  becomeTemplate(cluster, vm);
  cluster.state.vms.set(vmid, vm);
}

/** `POST …/status/start`. */
export function start(cluster: Cluster, user: string, vm: SimulatedVm): string {
  if (isTemplate(vm)) throw failed("you can't start a vm if it's a template");
  if (vm.status === "running") throw failed(`VM ${vm.vmid} already running`);
  return vmTask(cluster, vm, user, "qmstart", () => powerOn(cluster, vm));
}

/** `POST …/status/stop` and `…/shutdown`. Guests of the simulation always obey. */
export function stop(cluster: Cluster, user: string, vm: SimulatedVm, type: "qmstop" | "qmshutdown"): string {
  if (vm.status !== "running" && type === "qmshutdown") throw failed(`VM ${vm.vmid} not running`);
  return vmTask(cluster, vm, user, type, () => powerOff(cluster, vm));
}

/** `POST …/status/reboot`. */
export function reboot(cluster: Cluster, user: string, vm: SimulatedVm): string {
  if (vm.status !== "running") throw failed(`VM ${vm.vmid} not running`);
  return vmTask(cluster, vm, user, "qmreboot", async () => {
    await powerOff(cluster, vm);
    await powerOn(cluster, vm);
  });
}

/** `PUT …/resize`, to so many bytes, or by so many with a plus. */
export function resize(cluster: Cluster, user: string, vm: SimulatedVm, key: string, text: string): string {
  const found = disksOf(vm).find(([name]) => name === key)?.[1];
  if (!found) throw failed(`disk '${key}' does not exist`);
  return vmTask(cluster, vm, user, "resize", () => {
    const volume = cluster.state.volume(found.volid);
    if (!volume) throw failed(`volume '${found.volid}' does not exist`);
    const number = parseSize(text.replace(/^\+/, "")) ?? 0;
    const size = text.startsWith("+") ? volume.size + number : number;
    if (size < volume.size) throw failed("shrinking disks is not supported");
    if (cluster.faults.isFull(storageOf(found.volid))) throw failed("command '/sbin/lvextend' failed: exit code 5");
    volume.size = size;
    vm.config[key] = formatDrive(found.volid, found.options, size);
  });
}

/** `POST …/move_disk`. The volume that is left becomes unused, unless it is to be removed. */
export function moveDisk(
  cluster: Cluster,
  user: string,
  vm: SimulatedVm,
  { disk: key, storage, remove }: { disk: string; storage: string; remove: boolean },
): string {
  const found = disksOf(vm).find(([name]) => name === key)?.[1];
  if (!found) throw failed(`disk '${key}' does not exist`);
  if (storageOf(found.volid) === storage) throw failed("you can't move to the same storage with same format");
  return vmTask(cluster, vm, user, "qmmove", () => {
    const moved = allocate(cluster, storage, vm.vmid, found.size ?? 0);
    applyChange(cluster, vm, { set: {}, remove: [key] });
    vm.config[key] = formatDrive(moved.volid, found.options, moved.size);
    const unused = Object.keys(vm.config).filter((name) => vm.config[name] === found.volid);
    if (remove) applyChange(cluster, vm, { set: {}, remove: unused });
  });
}

/** `DELETE /nodes/N/qemu/ID`, with everything that belongs to the VM. */
export function destroy(cluster: Cluster, user: string, vm: SimulatedVm): string {
  const { vmid } = vm;
  if (vm.config.protection === 1) throw failed(`can't remove VM ${vmid} - protection mode enabled`);
  if (vm.status === "running") throw failed(`VM ${vmid} is running - destroy failed`);
  return vmTask(cluster, vm, user, "qmdestroy", async () => {
    const all = [...cluster.state.storages.values()].flatMap((storage) => [...storage.volumes.values()]);
    const base = volumesOf(cluster, vmid).find(({ volid }) => all.some(({ parent }) => parent === volid));
    if (base) throw failed(`base volume '${base.volid}' is still in use by linked clones`);
    await discard(cluster, vm);
  });
}

async function discard(cluster: Cluster, vm: SimulatedVm): Promise<void> {
  await cluster.hooks.onDestroy(vm);
  for (const { volid } of volumesOf(cluster, vm.vmid)) cluster.state.removeVolume(volid);
  cluster.state.vms.delete(vm.vmid);
}

async function powerOn(cluster: Cluster, vm: SimulatedVm): Promise<void> {
  requireSnippets(cluster, vm);
  vm.addresses = addressesOf(vm, cluster.hooks.lease);
  vm.pid = 10_000 + vm.vmid;
  vm.startedAt = Date.now();
  vm.status = "running";
  await cluster.hooks.onStart(vm);
}

/** The cloud-init drive is made anew at every start, of files that nobody looked for before. */
function requireSnippets({ state }: Cluster, { config }: SimulatedVm): void {
  for (const volid of parseProperties(String(config.cicustom ?? ""), "user").values()) {
    if (!state.volume(volid)) throw failed(`volume '${volid}' does not exist`);
  }
}

async function powerOff(cluster: Cluster, vm: SimulatedVm): Promise<void> {
  if (vm.status !== "running") return;
  await cluster.hooks.onStop(vm);
  vm.status = "stopped";
  vm.addresses = {};
  delete vm.pid;
  delete vm.startedAt;
}

function newVm(vmid: number, node: string, config: VmConfig): SimulatedVm {
  return { vmid, node, status: "stopped", config, addresses: {} };
}

function identity(): VmConfig {
  return { smbios1: `uuid=${crypto.randomUUID()}`, vmgenid: crypto.randomUUID() };
}

/** A configuration for a clone: new MAC addresses, no template, no unused volumes. */
function withoutIdentity(config: VmConfig): VmConfig {
  const kept = Object.entries(config).filter(([key]) => key !== "template" && !/^unused\d+$/.test(key));
  return Object.fromEntries(
    kept.map(([key, value]) => {
      const net = /^net\d/.test(key) ? parseNet(String(value)) : undefined;
      return [key, net && !("error" in net) ? formatNet({ ...net, mac: newMac() }) : value];
    }),
  );
}
