/**
 * The machines whose host keys a stack knows: from its known_hosts on this workstation and from its state, which wins. Pure but
 * for what it is given.
 */
import { type HostKey, normalizeKey } from "../../lib/ssh/known-hosts.ts";
import type { StateResource } from "../stack.ts";

/** A machine and the key that it has to show. */
export interface Trusted {
  host: string;
  port: number;
  key: HostKey;
  /** `<project>/<stack>` whose known_hosts file has the key. */
  stack: string;
}

const serviceType = "holdfast:runner:Service";
const toolchainType = "holdfast:runner:OperationsToolchain";
const providerType = "pulumi:providers:holdfast";

/** A structure in a state that says where a machine is, and perhaps which key it has. */
interface Place {
  host?: unknown;
  port?: unknown;
  stack?: unknown;
  hostKey?: unknown;
}

/** A resource with everything that holds a key in it; edited in place. */
type Keyed = StateResource & { inputs?: unknown };

/**
 * All of them, by `host:port`, in the order of their names.
 * @param recorded lines of the stack's known_hosts: pattern and key.
 */
export function trustedBy(
  stack: string,
  recorded: readonly { pattern: string; key: HostKey }[],
  resources: readonly StateResource[],
): Trusted[] {
  const all = new Map<string, Trusted>();
  const add = (trusted: Trusted) => all.set(`${trusted.host}:${trusted.port}`, trusted);
  for (const { pattern, key } of recorded) add({ ...placeOf(pattern), key, stack });
  for (const resource of resources) {
    for (const { host, port, hostKey, stack: file } of keysIn(resource)) {
      if (typeof host !== "string" || typeof port !== "number" || typeof hostKey !== "string" || hostKey === "")
        continue;
      add({ host, port, key: normalizeKey(hostKey), stack: typeof file === "string" ? file : stack });
    }
  }
  return [...all.entries()].sort(([one], [other]) => one.localeCompare(other)).map(([, trusted]) => trusted);
}

/** Where a resource of ours keeps a key that it met, as a place; setting its `hostKey` there changes the copy alone. */
function keysIn({ type, outputs }: StateResource): Place[] {
  const state = (outputs ?? {}) as Record<string, unknown>;
  if (type === serviceType) {
    const { vm, address, hostKey } = state as { vm?: Place; address?: unknown; hostKey?: unknown };
    return [{ ...vm, host: address, hostKey: hostKey ?? vm?.hostKey }];
  }
  if (type === toolchainType) return [{ ...(state.target as Place | undefined), hostKey: state.hostKey }];
  if (type === providerType) return (state.hypervisors as Place[] | undefined) ?? [];
  return [];
}

/**
 * Puts another key of a machine into the resources of an exported state, in place.
 * @returns how many of them had the old one.
 */
export function replaceKey(resources: readonly Keyed[], { host, port }: Trusted, key: HostKey): number {
  let changed = 0;
  for (const resource of resources) {
    if (!keysIn(resource).some((place) => place.host === host && place.port === port)) continue;
    changed++;
    if (resource.type !== providerType) {
      (resource.outputs as { hostKey?: string }).hostKey = key;
      continue;
    }
    for (const half of [resource.outputs, resource.inputs] as { hypervisors?: Place[] }[]) {
      for (const place of half?.hypervisors ?? []) if (place.host === host && place.port === port) place.hostKey = key;
    }
  }
  return changed;
}

/** Names of resources whose inputs pin a key for a machine: their program would put the old one back. */
export function pinnedBy(resources: readonly Keyed[], { host, port }: Trusted): string[] {
  const pins = (value: unknown): boolean => {
    if (value === null || typeof value !== "object") return false;
    const place = value as Place;
    if (place.host === host && place.port === port && typeof place.hostKey === "string" && place.hostKey !== "")
      return true;
    return Object.values(value).some(pins);
  };
  // A runner's VM comes with a first key, which its own one has replaced; the provider's are those of first contacts.
  const others = resources.filter(({ type }) => type !== serviceType && type !== providerType);
  const named = others.filter(({ inputs }) => pins(inputs)).map(({ urn }) => urn.split("::").at(-1) ?? urn);
  return [...new Set(named)].sort();
}

/** `[192.0.2.1]:2222` and `192.0.2.1`, as known_hosts spells them. */
function placeOf(pattern: string): { host: string; port: number } {
  const [, host = pattern, port = "22"] = /^\[(.*)\]:(\d+)$/.exec(pattern) ?? [];
  return { host, port: Number(port) };
}
