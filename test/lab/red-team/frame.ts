/**
 * Raw frames, as hexadecimal text. Pure. Only what attacks need: lengths and IP checksums are right, so that a bridge with
 * `br_netfilter` passes them on; checksums of TCP are not.
 */

const bytes = (...values: number[]) => Buffer.from(values);
const u16 = (...values: number[]) => Buffer.from(values.flatMap((value) => [(value >> 8) & 255, value & 255]));
const macBytes = (mac: string) => Buffer.from(mac.replaceAll(":", ""), "hex");
const ipBytes = (address: string) => bytes(...address.split(".").map(Number));

/** To everybody on the network. */
export const broadcast = "ff:ff:ff:ff:ff:ff";

/** An Ethernet frame. */
export function ether(to: string, from: string, type: number, payload: Buffer): string {
  const frame = Buffer.concat([macBytes(to), macBytes(from), u16(type), payload]);
  return Buffer.concat([frame, Buffer.alloc(Math.max(0, 60 - frame.length))]).toString("hex");
}

/** What an ARP frame says of its sender, and whom it looks for. Behind it stands the marker, as padding. */
export function arp(
  operation: number,
  sender: { mac: string; ip: string },
  target: { mac: string; ip: string },
  marker: string,
): Buffer {
  const ends = [macBytes(sender.mac), ipBytes(sender.ip), macBytes(target.mac), ipBytes(target.ip)];
  return Buffer.concat([u16(1, 0x0800), bytes(6, 4), u16(operation), ...ends, Buffer.from(marker)]);
}

/** An IPv4 packet. */
export function ipv4(
  source: string,
  target: string,
  protocol: number,
  payload: Buffer,
  extra: { options?: number[]; fragment?: number; ttl?: number } = {},
): Buffer {
  const options = bytes(...(extra.options ?? []));
  const header = Buffer.concat([
    bytes(0x45 + options.length / 4, 0),
    u16(20 + options.length + payload.length, 0x4846, extra.fragment ?? 0),
    bytes(extra.ttl ?? 64, protocol, 0, 0),
    ...[ipBytes(source), ipBytes(target), options],
  ]);
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  header.writeUInt16BE(~sum & 0xffff, 10);
  return Buffer.concat([header, payload]);
}

export function udp(from: number, to: number, data: Buffer): Buffer {
  return Buffer.concat([u16(from, to, 8 + data.length, 0), data]);
}

/** Flags of TCP, as they are written down: `S`, `SA`, `F`. */
export function tcp(from: number, to: number, flags: string, data: Buffer): Buffer {
  const bits = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32 } as Record<string, number>;
  const flag = [...flags].reduce((all, letter) => all | (bits[letter] ?? 0), 0);
  return Buffer.concat([u16(from, to, 0, 1, 0, 1), bytes(0x50, flag), u16(1024, 0, 0), data]);
}

export function icmp(type: number, code: number, data: Buffer): Buffer {
  return Buffer.concat([bytes(type, code, 0, 0, 0, 1, 0, 1), data]);
}

/** A message of DHCP; the marker stands in the field of the server's name. */
export function dhcp(
  operation: number,
  kind: number,
  of: { chaddr: string; ciaddr?: string; yiaddr?: string; giaddr?: string },
  marker: string,
): Buffer {
  const none = "0.0.0.0";
  const addresses = [of.ciaddr ?? none, of.yiaddr ?? none, none, of.giaddr ?? none].map(ipBytes);
  const name = Buffer.alloc(64);
  name.write(marker);
  return Buffer.concat([
    bytes(operation, 1, 6, 0),
    u16(0x4846, 0x4846, 0, 0),
    ...addresses,
    macBytes(of.chaddr),
    Buffer.alloc(10),
    name,
    Buffer.alloc(128),
    bytes(0x63, 0x82, 0x53, 0x63, 53, 1, kind, 255),
  ]);
}

/** An IPv6 packet from and to link-local addresses, or to a group. */
export function ipv6(source: string, target: string, next: number, payload: Buffer): Buffer {
  const address = (text: string) => {
    const [head = "", tail = ""] = text.split("::").map((half) => half.split(":").filter((part) => part !== ""));
    const words = [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail];
    return u16(...words.map((word) => Number.parseInt(word, 16)));
  };
  const header = [bytes(0x60, 0, 0, 0), u16(payload.length), bytes(next, 255), address(source), address(target)];
  return Buffer.concat([...header, payload]);
}
