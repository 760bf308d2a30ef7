/**
 * Whether the host keys that a job brings home are of machines of its stack. What was known here stays, unless another machine has
 * that address now; what is new is of a host that the job was given, or that the stack's state has. Pure.
 */
import { quoted, type StateResource } from "./checkpoint.ts";
import { linesOf } from "./sets.ts";

/** One line: names, type and key. */
const line = /^(\S+) ((?:ssh-|ecdsa-|sk-)[\w@.-]+) ([A-Za-z0-9+/]+={0,3})(?: [^\n]*)?$/;
/** As many as a stack of hundreds of machines has. */
const maximum = 2_000;

/** What is known of a stack's machines. */
export interface HostsExpectation {
  /** The known_hosts file as it is here; empty without one. */
  here: string;
  /** Words that may be hosts: of what the job was given, and of the state that it brings home. */
  hosts: ReadonlySet<string>;
  /** Keys, `type base64`, that the configuration pins: they win over what was met. */
  pinned: ReadonlySet<string>;
  /** Resources of the state that was sent, and of the one that came. */
  before: readonly StateResource[];
  after: readonly StateResource[];
  /** Whether the job may change a key, or only add some. */
  changes: boolean;
}

/** What is wrong with a known_hosts file; nothing where it may replace the one that is here. */
export function hostProblems(
  text: string,
  { here, hosts, pinned, before, after, changes }: HostsExpectation,
): string[] {
  const [there, known] = [linesOf(text), linesOf(here)];
  if (there.length > maximum) return [`its known hosts are ${there.length}, and ${maximum} are taken`];
  const renewed = renewedAddresses(before, after);
  const added = there.filter((one) => !known.includes(one));
  const lost = known.filter((one) => !there.includes(one));
  const metHere = new Set(known.flatMap(namesIn));
  return [
    ...added.flatMap((one) => {
      const [, , type = "", key = ""] = line.exec(one) ?? [];
      if (!isKey(type, key)) return [`its known hosts have a line that is none: ${quoted(one)}`];
      return namesIn(one).flatMap((name) => {
        const host = hostIn(name);
        if (!hosts.has(host.toLowerCase()))
          return [`its known hosts have a key of ${quoted(host)}, no machine of the stack`];
        if (!metHere.has(name) || pinned.has(`${type} ${key}`) || (changes && renewed.has(host))) return [];
        return [`it changes the host key of ${quoted(host)}, and no other machine has that address now`];
      });
    }),
    // Where another key came in its place, that was judged.
    ...lost.flatMap((one) => {
      const gone = namesIn(one).filter((name) => !there.some((other) => namesIn(other).includes(name)));
      const host = gone.map(hostIn).find((name) => !(changes && renewed.has(name)));
      return host === undefined
        ? []
        : [`it drops the host key of ${quoted(host)}, and no other machine has that address now`];
    }),
  ];
}

/** Addresses whose machine went, came, or is another one. */
function renewedAddresses(before: readonly StateResource[], after: readonly StateResource[]): Set<string> {
  const [were, are] = [identities(before), identities(after)];
  const all = [...were.keys(), ...are.keys()];
  return new Set(all.filter((address) => were.get(address) !== are.get(address)));
}

/** What tells the machine at an address from another one: whatever a state says of both in one place. */
function identities(resources: readonly StateResource[]): Map<string, string> {
  const found = new Map<string, string>();
  const look = (value: unknown): void => {
    if (value === null || typeof value !== "object") return;
    const { identity, address, host, target } = value as Record<string, unknown>;
    const at = [address, host, (target as { host?: unknown } | undefined)?.host].find((one) => typeof one === "string");
    if (typeof identity === "string" && typeof at === "string") found.set(at.split("/")[0] ?? at, identity);
    for (const one of Object.values(value)) look(one);
  };
  for (const { inputs, outputs } of resources) for (const values of [inputs, outputs]) look(values);
  return found;
}

function namesIn(one: string): string[] {
  return (one.split(/\s+/)[0] ?? "").split(",");
}

/** The host that a name in known_hosts means: `[192.0.2.1]:2222` is 192.0.2.1. */
function hostIn(name: string): string {
  return /^\[([^\]]+)\]:\d+$/.exec(name)?.[1] ?? name;
}

/** A key says its type once more inside. */
function isKey(type: string, key: string): boolean {
  const bytes = Buffer.from(key, "base64");
  const length = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0;
  return type !== "" && bytes.subarray(4, 4 + length).toString("latin1") === type;
}
