/**
 * The grammar of network devices, `virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=120`, and the MAC addresses of new ones.
 */
import { randomBytes } from "node:crypto";
import { formatProperties, type Properties, parseProperties } from "./property-string.ts";

/** A network device. */
export interface Net {
  /** For example `virtio`. */
  model: string;
  /** In capitals. */
  mac: string;
  /** Absent: not plugged in anywhere. */
  bridge?: string;
  /** Everything else, for example `tag`, `firewall`, `mtu`. */
  options: Properties;
}

const models = ["e1000", "e1000e", "ne2k_pci", "rtl8139", "virtio", "vmxnet3"];
const macPattern = /^[0-9A-F]{2}(:[0-9A-F]{2}){5}$/i;

/** A new MAC address below Proxmox's own prefix. */
export function newMac(): string {
  const tail = [...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, "0"));
  return ["BC:24:11", ...tail].join(":").toUpperCase();
}

/**
 * Reads a device of a request or a configuration; one without a MAC address gets a new one.
 * @returns what is wrong with it, in Proxmox VE's words, when it cannot be read.
 */
export function parseNet(text: string): Net | { error: string } {
  const options = parseProperties(text, "model");
  const spelled = models.find((name) => options.has(name));
  const model = spelled ?? options.get("model");
  if (model === undefined || !models.includes(model)) {
    return { error: "invalid format - format error\nmodel: property is missing and it is not optional\n" };
  }
  const mac = (spelled ? options.get(spelled) : options.get("macaddr")) ?? newMac();
  if (!macPattern.test(mac)) return { error: `invalid format - format error\nmacaddr: invalid MAC address: ${mac}\n` };
  const bridge = options.get("bridge");
  for (const key of ["model", "macaddr", "bridge", ...models]) options.delete(key);
  return { model, mac: mac.toUpperCase(), options, ...(bridge === undefined ? {} : { bridge }) };
}

/** Writes a device as the configuration has it. */
export function formatNet(net: Net): string {
  const rest = new Map(net.options);
  if (net.bridge !== undefined) rest.set("bridge", net.bridge);
  return formatProperties(`${net.model}=${net.mac}`, rest);
}
