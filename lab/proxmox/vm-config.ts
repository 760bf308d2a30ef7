/**
 * The configuration of a VM: which keys a request may set, what they become, and which privilege each needs.
 *
 * Simpler than Proxmox VE: changes of a running VM are not pending, they are there at once.
 */
import { createHash } from "node:crypto";
import { badParameters, failed } from "./api-error.ts";
import type { Cluster } from "./cluster.ts";
import { isDriveKey, parseDrive, readDrive } from "./drives.ts";
import { formatNet, parseNet } from "./nets.ts";
import { type Caller, requirePrivilege } from "./permissions.ts";
import type { SimulatedVm, VmConfig } from "./state.ts";
import { materialise } from "./volumes.ts";

/** Fields of a form. */
export type Fields = Record<string, string>;

/** What a request changes. */
export interface ConfigChange {
  set: Fields;
  remove: string[];
}

const privileges: Record<string, readonly string[]> = {
  "VM.Config.CPU": ["cores", "sockets", "cpu", "cpuunits", "cpulimit", "numa", "vcpus", "affinity"],
  "VM.Config.Memory": ["memory", "balloon", "shares", "hugepages", "keephugepages"],
  "VM.Config.Cloudinit": ["ciuser", "cipassword", "sshkeys", "cicustom", "ciupgrade", "citype"],
  "VM.Config.Network": ["nameserver", "searchdomain"],
  "VM.Config.HWType":
    "acpi bios machine ostype scsihw tablet vga keyboard rng0 audio0 watchdog kvm localtime tdf".split(" "),
  "VM.Config.Options":
    "name description onboot startup tags protection agent boot bootdisk template args hotplug smbios1 vmgenid hookscript autostart freeze reboot startdate migrate_downtime migrate_speed".split(
      " ",
    ),
};
const indexed: [RegExp, string][] = [
  [/^net([12]?\d|3[01])$/, "VM.Config.Network"],
  [/^ipconfig([12]?\d|3[01])$/, "VM.Config.Network"],
  [/^(serial[0-3]|usb\d|hostpci\d+|numa\d+|virtiofs\d)$/, "VM.Config.HWType"],
  [/^unused\d+$/, "VM.Config.Disk"],
];
const numbers = new Set(
  "acpi autostart ciupgrade freeze keephugepages kvm localtime numa onboot protection reboot tablet tdf template balloon shares cores cpuunits sockets vcpus".split(
    " ",
  ),
);

/** The privilege that changing a key needs, or nothing when there is no such key. */
function privilegeFor(key: string, value = ""): string | undefined {
  if (isDriveKey(key)) return /media=cdrom|:cloudinit/.test(value) ? "VM.Config.CDROM" : "VM.Config.Disk";
  const plain = Object.entries(privileges).find(([, keys]) => keys.includes(key));
  return plain?.[0] ?? indexed.find(([pattern]) => pattern.test(key))?.[1];
}

/**
 * Reads the fields of a request that change the configuration; every wrong one is reported at once.
 * @param others names of fields that the route itself knows.
 * @throws ApiError 400.
 */
export function readChange(fields: Fields, others: readonly string[] = []): ConfigChange {
  const known = new Set([...others, "delete", "digest", "force", "skiplock", "revert", "background_delay"]);
  const entries = Object.entries(fields).filter(([key]) => !known.has(key));
  const errors = entries.flatMap(([key, value]) => {
    const error = wrongWith(key, value);
    return error === undefined ? [] : [[key, error] as const];
  });
  if (errors.length > 0) throw badParameters(Object.fromEntries(errors));
  return { set: Object.fromEntries(entries), remove: (fields.delete ?? "").split(/[,;\s]+/).filter(Boolean) };
}

function wrongWith(key: string, value: string): string | undefined {
  if (privilegeFor(key, value) === undefined) {
    return "property is not defined in schema and the schema does not allow additional properties";
  }
  if (key === "name" && !/^[a-z\d]([a-z\d-]{0,61}[a-z\d])?(\.[a-z\d]([a-z\d-]{0,61}[a-z\d])?)*$/i.test(value)) {
    return "invalid format - value does not look like a valid DNS name\n";
  }
  if (numbers.has(key) && !/^-?\d+$/.test(value)) return `type check ('integer') failed - got '${value}'`;
  const parsed = isDriveKey(key) ? parseDrive(value) : /^net\d/.test(key) ? parseNet(value) : undefined;
  return parsed && "error" in parsed ? parsed.error : undefined;
}

/** @throws ApiError 403 for the first change that the caller may not make. */
export function requireConfigPrivileges(
  caller: Caller,
  vmid: number,
  { set, remove }: ConfigChange,
  now: VmConfig,
): void {
  const all = [
    ...Object.entries(set),
    ...remove.filter((key) => key in now).map((key) => [key, String(now[key])] as const),
  ];
  for (const [key, value] of all)
    requirePrivilege(caller, `/vms/${vmid}`, privilegeFor(key, value) ?? "VM.Config.Options");
}

/**
 * Makes the change. A drive that is removed becomes `unusedN`, its cloud-init drive is gone.
 * @throws ApiError when a volume or a bridge is not to be had; changes before it have been made.
 */
export function applyChange(
  cluster: Pick<Cluster, "state" | "faults">,
  vm: SimulatedVm,
  { set, remove }: ConfigChange,
): void {
  for (const key of remove) removeKey(cluster, vm, key);
  for (const [key, value] of Object.entries(set)) vm.config[key] = toConfig(cluster, vm, key, value);
}

function removeKey({ state }: Pick<Cluster, "state">, vm: SimulatedVm, key: string): void {
  const value = vm.config[key];
  delete vm.config[key];
  if (value === undefined) return;
  if (/^unused\d+$/.test(key)) state.removeVolume(String(value));
  if (!isDriveKey(key)) return;
  const { volid, options } = readDrive(String(value));
  if (options.get("media") === "cdrom") {
    if (volid.includes("cloudinit")) state.removeVolume(volid);
    return;
  }
  let n = 0;
  while (`unused${n}` in vm.config) n++;
  vm.config[`unused${n}`] = volid;
}

function toConfig(
  cluster: Pick<Cluster, "state" | "faults">,
  vm: SimulatedVm,
  key: string,
  value: string,
): string | number {
  if (numbers.has(key)) return Number(value);
  if (key === "cipassword") return "**********";
  if (key === "tags") return sortTags(value);
  if (/^net\d/.test(key)) {
    const net = parseNet(value);
    if ("error" in net) throw badParameters({ [key]: net.error });
    if (net.bridge !== undefined && !cluster.state.bridges.includes(net.bridge)) {
      throw failed(`bridge '${net.bridge}' does not exist`);
    }
    return formatNet(net);
  }
  if (!isDriveKey(key)) return value;
  const drive = parseDrive(value);
  if ("error" in drive) throw badParameters({ [key]: drive.error });
  const made = materialise(cluster, vm.vmid, drive);
  const before = vm.config[key];
  if (before !== undefined && readDrive(String(before)).volid !== readDrive(made).volid) removeKey(cluster, vm, key);
  return made;
}

/** Tags as Proxmox VE keeps them: lower case, sorted, each once, separated by semicolons. */
export function sortTags(text: string): string {
  const tags = text
    .toLowerCase()
    .split(/[,;\s]+/)
    .filter(Boolean);
  return [...new Set(tags)].sort().join(";");
}

/** The digest by which a change can be bound to what was read. */
export function digestOf(config: VmConfig): string {
  return createHash("sha1")
    .update(JSON.stringify(Object.entries(config).sort()))
    .digest("hex");
}
