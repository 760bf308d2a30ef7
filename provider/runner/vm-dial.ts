/**
 * Dialling a runner's VM while it boots, wherever it is, and whichever of its host keys it answers with.
 */
import { connect, type Patience, type SshConnection } from "../../components/ssh/connection.ts";
import { HostKeyMismatch, type SshTarget } from "../../components/ssh/dial.ts";
import type { Operation } from "../kind.ts";
import type { ServiceInputs } from "./service.ts";
import { vmAddress } from "./vm-address.ts";
import { vouchedHostKey } from "./vm-host-key.ts";

const secondsBetweenDials = 3;
/** With DHCP: dials of one address before it is asked for again. */
const dialsPerAddress = 10;

function patienceOf(inputs: ServiceInputs, operation: Operation): Patience {
  return {
    dialErrorLimit: inputs.dialErrorLimit,
    pauseSeconds: secondsBetweenDials,
    dialTimeoutSeconds: 10,
    signal: operation.signal,
    onWait: (text) => operation.log("status", text),
  };
}

/**
 * Dials the VM with patience. With DHCP its address is asked again now and then: a rebuilt VM may get another one.
 * @param hostKey the VM's own host key, when the state knows it; else it must answer with its first.
 */
export async function dialVm(
  inputs: ServiceInputs,
  hostKey: string | undefined,
  operation: Operation,
): Promise<SshConnection> {
  const patience = patienceOf(inputs, operation);
  const vm = { ...inputs.vm, hostKey: hostKey ?? inputs.vm.hostKey };
  if (vm.host) return connectVouched({ ...vm, host: vm.host }, inputs, patience, operation);
  for (let left = patience.dialErrorLimit; ; left -= dialsPerAddress) {
    const host = await vmAddress(inputs, patience);
    const some = { ...patience, dialErrorLimit: Math.min(left, dialsPerAddress) };
    try {
      return await connectVouched({ ...vm, host }, inputs, some, operation);
    } catch (error) {
      if (error instanceof HostKeyMismatch || left <= dialsPerAddress) throw error;
    }
  }
}

/** A VM that answers with another key than expected is believed when its hypervisor vouches for exactly that key. */
async function connectVouched(
  target: SshTarget,
  { hypervisor, domain }: ServiceInputs,
  patience: Patience,
  operation: Operation,
): Promise<SshConnection> {
  return connect(target, patience).catch(async (error: Error) => {
    if (!(error instanceof HostKeyMismatch)) throw error;
    const hostKey = await vouchedHostKey(hypervisor, domain, operation.signal);
    if (!hostKey || hostKey === target.hostKey) throw error;
    operation.log("info", `${hypervisor.host} vouches for another host key of ${domain} than was expected`);
    return connect({ ...target, hostKey }, patience);
  });
}
