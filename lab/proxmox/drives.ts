/**
 * The grammar of drives: `scsi0=file=local-lvm:0,import-from=local:import/x.qcow2,size=4294967296,discard=on` in a request,
 * `local-lvm:vm-100-disk-0,discard=on,size=4G` in an answer. No state, no storage.
 */
import { formatProperties, formatSize, type Properties, parseProperties, parseSize } from "./property-string.ts";

/** What a request asks to be behind a drive. */
export type DriveSource =
  /** A cloud-init drive, made anew. */
  | { kind: "cloudinit"; storage: string }
  /** A new volume, of so many GiB or as large as the image that it is imported from. */
  | { kind: "new"; storage: string; gib: number; importFrom?: string }
  /** A volume that is there. */
  | { kind: "volume"; volid: string }
  /** A CD drive: empty, or the one of the node. */
  | { kind: "cd"; file: "none" | "cdrom" };

/** A drive as a request describes it. */
export interface Drive {
  source: DriveSource;
  /** In bytes. What the request says, which for a volume that is there means nothing. */
  size?: number;
  /** Everything else, for example `discard`, `ssd`, `media`. */
  options: Properties;
}

/** Whether this key of a VM's configuration is a drive. */
export function isDriveKey(key: string): boolean {
  return /^(ide[0-3]|sata[0-5]|scsi([12]?\d|30)|virtio(\d|1[0-5])|efidisk0|tpmstate0)$/.test(key);
}

/**
 * Reads a drive of a request.
 * @returns what is wrong with it, in Proxmox VE's words, when it cannot be read.
 */
export function parseDrive(text: string): Drive | { error: string } {
  const options = parseProperties(text, "file");
  const file = options.get("file");
  if (file === undefined)
    return { error: "invalid format - format error\nfile: property is missing and it is not optional\n" };
  const importFrom = options.get("import-from");
  const sizeText = options.get("size");
  const size = sizeText === undefined ? undefined : parseSize(sizeText);
  if (sizeText !== undefined && size === undefined) {
    return { error: `invalid format - format error\nsize: value does not look like a valid size: ${sizeText}\n` };
  }
  for (const key of ["file", "import-from", "size"]) options.delete(key);
  const source = parseSource(file, importFrom);
  if (!source) return { error: `invalid format - format error\nfile: invalid volume id: ${file}\n` };
  return { source, options, ...(size === undefined ? {} : { size }) };
}

function parseSource(file: string, importFrom: string | undefined): DriveSource | undefined {
  if (file === "none" || file === "cdrom") return { kind: "cd", file };
  const [, storage, name] = /^([^:]+):(.+)$/.exec(file) ?? [];
  if (storage === undefined || name === undefined) return undefined;
  if (name === "cloudinit") return { kind: "cloudinit", storage };
  if (/^\d+(\.\d+)?$/.test(name)) {
    return { kind: "new", storage, gib: Number(name), ...(importFrom === undefined ? {} : { importFrom }) };
  }
  return { kind: "volume", volid: file };
}

/** Writes a drive as the configuration has it. `size` is in bytes. */
export function formatDrive(volid: string, options: Properties, size?: number): string {
  const all = new Map(options);
  if (size !== undefined) all.set("size", formatSize(size));
  return formatProperties(volid, all);
}

/** A drive of a configuration: its volume, and its size in bytes where it has one. */
export function readDrive(value: string): { volid: string; size?: number; options: Properties } {
  const options = parseProperties(value, "file");
  const volid = options.get("file") ?? "none";
  const size = parseSize(options.get("size") ?? "");
  options.delete("file");
  options.delete("size");
  return { volid, options, ...(size === undefined ? {} : { size }) };
}

/** The storage in a volume's name. */
export function storageOf(volid: string): string {
  return volid.slice(0, volid.indexOf(":"));
}
