/**
 * The ways to a pool's VMs, and the VMs that stand: whether they answer over SSH with the host key that is known. Who is met
 * for the first time is recorded, as by every first contact, and shown.
 */
import type { Check } from "../../lib/preflight/check.ts";
import { impatient, withSsh } from "../../lib/ssh/connection.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import { fingerprint, knownHostsFile, recordedKeys } from "../../lib/ssh/known-hosts.ts";
import type { PlannedPool } from "../../platform-vm/planned.ts";
import { passGate } from "../../provider/readiness/gate.ts";
import type { Route } from "../../provider/readiness/probe.ts";
import { resultMessage } from "../../provider/ssh/readiness-report.ts";
import type { Machine } from "../machines.ts";

/**
 * Looks at the ways, then at the VMs. Never throws.
 * @param hostKeys those that the stack made, by logical name: nobody else is met at those addresses, nor recorded.
 */
export async function accessChecks(
  stack: string,
  { readiness, jump, bastion }: Pick<PlannedPool, "readiness" | "jump" | "bastion">,
  deployed: Readonly<Record<string, Machine>>,
  hostKeys: Readonly<Record<string, string>> = {},
): Promise<Check[]> {
  const sshRoutes = [
    ...(jump ? [routeCheck("the jump host", jump)] : []),
    ...(bastion ? [routeCheck("the bastion", bastion)] : []),
  ];
  const routes: Route[] = [
    { kind: "direct" },
    ...(jump ? [{ kind: "jump" as const, over: jump }] : []),
    ...(bastion ? [{ kind: "bastion" as const, over: bastion }] : []),
  ];
  // Before the VMs: the first contact with a jump host is made once.
  const looked = await Promise.all(sshRoutes);
  return [...looked, ...(await machineChecks(stack, readiness, routes, { deployed, hostKeys }))];
}

/** Whether a machine answers and takes the login. */
export async function routeCheck(name: string, target: SshTarget): Promise<Check> {
  const { user, host, port, stack } = target;
  const what = `${name} ${user}@${host}:${port} takes the login`;
  const known = () => recordedKeys(knownHostsFile(stack), host, port)[0];
  const before = target.hostKey ?? known();
  try {
    await withSsh(target, impatient, async () => {});
    const key = fingerprint(known()) ?? "unknown";
    const first = `met for the first time, with the host key ${key}: compare it with the machine's own`;
    return { what, status: "ok", found: before ? `host key ${key}, as known` : first };
  } catch (error) {
    return {
      what,
      status: "failed",
      found: (error as Error).message,
      fix: `look at it with: ssh -p ${port} ${user}@${host}`,
    };
  }
}

async function machineChecks(
  stack: string,
  readiness: PlannedPool["readiness"],
  routes: readonly Route[],
  { deployed, hostKeys }: { deployed: Readonly<Record<string, Machine>>; hostKeys: Readonly<Record<string, string>> },
): Promise<Check[]> {
  const { target_port: port, user, connectivity_timeout_s: timeoutSeconds } = readiness;
  const all = Object.entries(deployed).sort(([one], [other]) => one.localeCompare(other));
  const targets = all.flatMap(([name, { address: host }]) =>
    host === "" ? [] : [{ name, host, port, user, stack, hostKey: hostKeys[name] }],
  );
  const results = await passGate(targets, routes, { timeoutSeconds, waitSeconds: 0 });
  const fix = "look at its console; pulumi up passes the gate again";
  return all.map(([key, { name }]): Check => {
    const what = `${name} (${key}) answers over SSH`;
    const result = results.find((one) => one.name === key);
    if (!result) return { what, status: "failed", found: "its address is not known: does its guest agent run?", fix };
    if (result.status === "ok") return { what, status: "ok", found: result.route };
    return { what, status: "failed", found: resultMessage(result, timeoutSeconds), fix };
  });
}
