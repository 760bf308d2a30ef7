/**
 * Dialling a runner's VM while it boots. The guest says where to dial, at most: who answers there is decided by the keys that
 * the state knows, or that were made for the VM, and an address that is another machine's is not dialled at all.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { ownerOf, refusal, type Taken } from "../../components/vm/whereabouts.ts";
import { hostOf } from "../../lib/network/address.ts";
import { connect, type SshConnection, type SshRetry } from "../../lib/ssh/connection.ts";
import { HostKeyMismatch, type SshTarget } from "../../lib/ssh/dial.ts";
import { type HostKey, knownMachines, normalizeKey } from "../../lib/ssh/known-hosts.ts";
import type { ServiceInputs } from "../../resources/runner/service.ts";
import type { Operation } from "../kind.ts";
import { type HypervisorLook, lookAtHypervisor } from "./hypervisor-look.ts";
import { vmAddress, type Whereabouts } from "./vm-address.ts";

const msBetweenDials = 3_000;
/** With DHCP: dials of one address before it is asked for again. */
const dialsPerAddress = 10;

/** What of a service says where its VM is. */
export type Located = Pick<ServiceInputs, "vm" | "hypervisor" | "domain" | "forgeUrl" | "dialErrorLimit">;

/** Who says where the VM is, and where it cannot be. Tests have no other machines than loopback's. */
export interface Judges {
  locate: typeof vmAddress;
  refuse: typeof refusal;
}

const usualJudges: Judges = { locate: vmAddress, refuse: refusal };

function patienceOf(inputs: Located, operation: Operation): SshRetry {
  return {
    attempts: inputs.dialErrorLimit,
    pauseMs: msBetweenDials,
    attemptMs: 10_000,
    signal: operation.signal,
    onWait: (text) => operation.log("status", text),
  };
}

/**
 * Dials the VM with patience. With DHCP its address is asked again now and then: a rebuilt VM may get another one.
 * @param hostKey the VM's own host key, when the state knows it: then it is the only one. Else it may answer with its first, or
 * with one that was made for it by a run that was cut off.
 */
export async function dialVm(
  inputs: Located,
  hostKey: HostKey | undefined,
  operation: Operation,
  judges: Judges = usualJudges,
): Promise<SshConnection> {
  const patience = patienceOf(inputs, operation);
  const look = await lookAtHypervisor(inputs.hypervisor, inputs.domain, operation.signal);
  const taken = { ...look.taken, ...(await takenAround(inputs, operation)) };
  const keys = hostKey ? [hostKey] : firstKeys(inputs, look);
  for (let left = patience.attempts; ; left -= dialsPerAddress) {
    const where = await judges.locate(inputs, patience);
    const others = inputs.vm.host ? {} : takenByOthers(inputs);
    refuseTaken(inputs, where, { ...others, ...taken }, judges);
    const some = inputs.vm.host ? patience : { ...patience, attempts: Math.min(left, dialsPerAddress) };
    try {
      return await connectWithOne({ ...inputs.vm, host: where.host }, keys, some);
    } catch (error) {
      if (error instanceof HostKeyMismatch) throw explained(error, inputs, where);
      if (inputs.vm.host || left <= dialsPerAddress) throw error;
    }
  }
}

/**
 * Refuses a VM's address of before that turns out to be another machine's. Nothing is dialled for it.
 * @throws saying whose it is.
 */
export async function refuseAddress(inputs: Located, host: string, operation: Operation): Promise<void> {
  refuseTaken(inputs, { host, source: "the state says so" }, await takenAround(inputs, operation), usualJudges);
}

/** The key that the VM came with, and those that were made for it. */
function firstKeys({ vm }: Located, { keys }: HypervisorLook): HostKey[] {
  return [...new Set([normalizeKey(vm.hostKey), ...keys])];
}

/** Tries one key after another, each before anybody is logged in. */
async function connectWithOne(target: SshTarget, keys: HostKey[], patience: SshRetry): Promise<SshConnection> {
  const [hostKey, ...others] = keys;
  try {
    return await connect({ ...target, hostKey }, patience);
  } catch (error) {
    if (error instanceof HostKeyMismatch && others.length > 0) return connectWithOne(target, others, patience);
    throw error;
  }
}

/** A refusal with what the guest has to do with it. */
function explained(error: HostKeyMismatch, { domain, hypervisor }: Located, { source }: Whereabouts): HostKeyMismatch {
  return new HostKeyMismatch(
    `${domain} shows another host key (at that address because ${source}): ${error.message}. Its console: virsh console ${domain} on ${hypervisor.host}; ` +
      'docs/runbooks/fenced-runner.md, "The VM shows another key"',
    { cause: error },
  );
}

/**
 * What nobody configured may be no machine's at all (loopback, link-local): that the configured address is not, its program has
 * seen to.
 */
function refuseTaken(
  { vm, domain, hypervisor }: Located,
  { host, source }: Whereabouts,
  taken: Taken,
  { refuse }: Judges,
): void {
  const whose = ownerOf(host, taken);
  const why = host === vm.host ? whose && `${host} is ${whose}` : refuse(host, taken);
  if (!why) return;
  throw new Error(
    `${domain} cannot be at ${host} (${source}): ${why}. Nothing was dialled there. ` +
      `Look at the VM: virsh console ${domain} on ${hypervisor.host}; docs/runbooks/fenced-runner.md, "The VM shows another key"`,
  );
}

/** Addresses that are known here to be other machines': the site's, the forge's, the hypervisor's, this workstation's own. */
async function takenAround({ hypervisor, forgeUrl }: Located, { config }: Operation): Promise<Taken> {
  const own = Object.values(networkInterfaces()).flatMap((nic) => (nic ?? []).map(({ address }) => address));
  const named: Record<string, string> = {
    ...Object.fromEntries(own.map((address) => [address, "this workstation"])),
    ...config.siteAddresses,
    [hostOf(forgeUrl)]: "the forge",
    [hypervisor.host]: "the hypervisor",
  };
  const resolved = await Promise.all(
    Object.entries(named)
      .filter(([host]) => isIP(host) === 0)
      .map(async ([host, what]) => (await addressesOf(host)).map((address) => [address, what])),
  );
  return { ...Object.fromEntries(resolved.flat()), ...named };
}

/** A name that does not resolve takes no address. */
async function addressesOf(name: string): Promise<string[]> {
  return lookup(name, { all: true }).then(
    (found) => found.map(({ address }) => address),
    () => [],
  );
}

/** Machines that other stacks of this workstation know. Not for an address that was configured: theirs may be gone by now. */
function takenByOthers({ vm }: Located): Taken {
  const others = knownMachines().filter(({ stack }) => stack !== vm.stack);
  return Object.fromEntries(
    others.map(({ pattern, stack }) => [
      pattern.replace(/^\[(.*)\]:\d+$/, "$1"),
      `a machine that ${stack} knows (where that is gone: ssh-keygen -R '${pattern}' -f ~/.config/holdfast/known_hosts/${stack})`,
    ]),
  );
}
