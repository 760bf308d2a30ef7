/**
 * Reads a zip archive without a program for it, which many machines lack.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { inflateRawSync } from "node:zlib";

/** Offsets in a central directory entry, and its fixed length, in bytes (PKWARE APPNOTE, section 4.3.12). */
const entry = { method: 10, packed: 20, name: 28, extra: 30, comment: 32, local: 42, length: 46 };
/** Offsets in a local file header, and its fixed length. */
const header = { name: 26, extra: 28, length: 30 };

/**
 * Returns the content of one file: stored and deflated entries; no encryption, no zip64.
 * @throws Error when it is not in there.
 */
export function readZipEntry(zip: string, name: string): Buffer {
  const data = readFileSync(zip);
  const end = data.lastIndexOf(Buffer.from("PK\x05\x06"));
  let left = end < 0 ? 0 : data.readUInt16LE(end + 10);
  for (let at = end < 0 ? 0 : data.readUInt32LE(end + 16); left > 0; left -= 1) {
    const u16 = (offset: number) => data.readUInt16LE(at + offset);
    const nameEnd = at + entry.length + u16(entry.name);
    if (data.toString("utf8", at + entry.length, nameEnd) === name) {
      const local = data.readUInt32LE(at + entry.local);
      const start =
        local + header.length + data.readUInt16LE(local + header.name) + data.readUInt16LE(local + header.extra);
      const packed = data.subarray(start, start + data.readUInt32LE(at + entry.packed));
      return u16(entry.method) === 0 ? packed : inflateRawSync(packed);
    }
    at = nameEnd + u16(entry.extra) + u16(entry.comment);
  }
  throw new Error(`${basename(zip)} contains no ${name}`);
}
