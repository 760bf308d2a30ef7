/**
 * Whose process is at the other end of a connection on this machine. Pulumi's protocol has no authentication: whoever connects to
 * the plugin's port could have it use its tokens and keys. Linux tells the user of every TCP socket; other systems do not.
 */
import { readFileSync } from "node:fs";
import { endianness } from "node:os";
import { setTimeout as pause } from "node:timers/promises";

/** A connection by its two ends. */
export interface Connection {
  /** The other end: an IPv4 address of this machine, maybe as IPv6 writes it, and its port. */
  remoteAddress?: string | undefined;
  remotePort?: number | undefined;
  /** This end. */
  localAddress?: string | undefined;
  localPort?: number | undefined;
}

/**
 * - a number: the user id of the process at the other end.
 * - `gone`: no process holds the other end (any more), so nobody can say whose it was.
 * - `untold`: this system does not tell.
 */
export type Peer = number | "gone" | "untold";

/** The kernel's tables of TCP sockets of this network namespace. A socket of IPv6 may be connected to an address of IPv4. */
const tables = ["/proc/net/tcp", "/proc/net/tcp6"] as const;

/** Looks before a connection counts as gone: a table that changes while it is read may miss a row. */
const looks = 3;

/** Whose the other end is. */
export async function peerOf(connection: Connection, read = readTable): Promise<Peer> {
  for (let look = 1; ; look++) {
    const texts = tables.map(read);
    if (texts[0] === undefined) return "untold";
    const uid = texts.flatMap((text) => holder(text ?? "", connection) ?? [])[0];
    if (uid !== undefined) return uid;
    if (look >= looks) return "gone";
    await pause(5);
  }
}

function readTable(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

const established = "01";

/**
 * The user of the row that is the other end. Only one that is connected and that a process holds: of what was closed already, the
 * kernel says 0, and what was sent before would count as root's.
 */
function holder(table: string, connection: Connection): number | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = connection;
  const theirs = spellings(remoteAddress, remotePort);
  const ours = spellings(localAddress, localPort);
  for (const line of table.split("\n").slice(1)) {
    const [, local = "", remote = "", state, , , , uid, , inode] = line.trim().split(/\s+/);
    if (!theirs.includes(local) || !ours.includes(remote) || state !== established || inode === "0") continue;
    return Number(uid);
  }
  return undefined;
}

/** An address of IPv4 as the tables write it: 32-bit words in the machine's own order, in hexadecimal. */
function spellings(address = "", port = 0): string[] {
  const bytes = address
    .replace(/^::ffff:/i, "")
    .split(".")
    .map(Number);
  const word = (endianness() === "LE" ? bytes.reverse() : bytes).map(hex).join("");
  const mapped = endianness() === "LE" ? "FFFF0000" : "0000FFFF";
  const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return [`${word}${end}`, `${"0".repeat(16)}${mapped}${word}${end}`];
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}
