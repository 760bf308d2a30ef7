/**
 * Proxmox VE's property strings (`local-lvm:vm-100-disk-0,size=20G`) and sizes, read and written as it does.
 */

/** Properties by name. */
export type Properties = Map<string, string>;

/**
 * Reads a property string. Empty parts are dropped, as behind a trailing comma.
 * @param defaultKey what a part without `=` stands for.
 */
export function parseProperties(text: string, defaultKey: string): Properties {
  const parts = text.split(",").filter((part) => part !== "");
  return new Map(
    parts.map((part) => {
      const at = part.indexOf("=");
      return at < 0 ? [defaultKey, part] : [part.slice(0, at), part.slice(at + 1)];
    }),
  );
}

/** Writes a property string: first the one that stands without its name, the rest sorted by name. */
export function formatProperties(first: string, rest: Properties): string {
  const sorted = [...rest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`);
  return [first, ...sorted].join(",");
}

const units = ["", "K", "M", "G", "T"];

/**
 * Reads a size in bytes: a number, or a number with K, M, G or T (powers of 1024).
 * @returns nothing when it is not a size.
 */
export function parseSize(text: string): number | undefined {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text) ?? [];
  return digits === undefined ? undefined : Math.round(Number(digits) * 1024 ** units.indexOf(unit));
}

/** Writes a size with the largest unit that divides it, for example `20G`. */
export function formatSize(bytes: number): string {
  let power = 0;
  while (power < units.length - 1 && bytes > 0 && bytes % 1024 ** (power + 1) === 0) power++;
  return `${bytes / 1024 ** power}${units[power]}`;
}
