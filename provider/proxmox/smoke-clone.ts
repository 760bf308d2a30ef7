/**
 * A clone of a template for the time of its test: made under an id that the cluster gives, started, and destroyed whatever
 * happens. Its name is of this test alone, so that it is found again after an answer that got lost.
 */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { proxmoxOwner } from "../../lib/owner-mark.ts";
import { type Fields, type ProxmoxApi, taskName } from "../../lib/proxmox/api.ts";
import { ProxmoxError } from "../../lib/proxmox/errors.ts";
import { type ClusterVm, clusterVms, powerState } from "./cluster.ts";
import { destroyVm, waitUntilUnlocked } from "./destroy-vm.ts";

/** How often an id is asked for: between the answer and its use somebody else may take it. */
const idTries = 5;
const stopMs = 60_000;
const lockMs = 60_000;
const startMs = 120_000;

/** What a clone is made of. */
export interface SmokeSource {
  node: string;
  vmId: number;
  /** Owner mark; a clone has it from its template. */
  owner: string;
}

/** What every test clone of a template key is called, followed by something of its own. */
export function smokePrefix(key: string): string {
  return `template-smoke-${key}-`;
}

/**
 * Clones the template, linked, which costs no space.
 * @param withinMs bound on the cluster's work.
 * @returns the clone's id.
 */
export async function makeClone(api: ProxmoxApi, source: SmokeSource, name: string, withinMs: number): Promise<number> {
  const { node, vmId } = source;
  for (let attempt = 1; ; attempt++) {
    const newid = await api.get("/cluster/nextid", z.coerce.number().int().positive());
    try {
      const upid = await api.send("POST", `/nodes/${node}/qemu/${vmId}/clone`, taskName, { newid, name });
      await api.ended(upid, withinMs);
      return newid;
    } catch (error) {
      const taken = error instanceof ProxmoxError && /already exists/.test(error.serverMessage);
      if (!taken || attempt >= idTries) throw error;
    }
  }
}

/** Sets what cloud-init is to do on the clone, and starts it. */
export async function bootClone(api: ProxmoxApi, node: string, vmid: number, settings: Fields): Promise<void> {
  await api.send("PUT", `/nodes/${node}/qemu/${vmid}/config`, z.unknown(), settings);
  await api.ended(await api.send("POST", `/nodes/${node}/qemu/${vmid}/status/start`, taskName), startMs);
}

// With all that the agent says: it goes into the evidence.
const agentInterface = z.looseObject({
  name: z.string(),
  "ip-addresses": z.array(z.object({ "ip-address": z.string(), "ip-address-type": z.string() })).optional(),
});
type AgentInterface = z.infer<typeof agentInterface>;

/** What the clone's agent reports. */
export interface AgentAddress {
  address: string;
  interfaces: AgentInterface[];
}

/**
 * Waits until the clone's agent reports an IPv4 address that others may reach.
 * @throws Error when it does not in time, with what it said last.
 */
export async function agentAddress(
  api: ProxmoxApi,
  node: string,
  vmid: number,
  seconds: number,
  signal: AbortSignal,
): Promise<AgentAddress> {
  const end = performance.now() + seconds * 1000;
  const path = `/nodes/${node}/qemu/${vmid}/agent/network-get-interfaces`;
  let last = "it was not asked";
  for (let wait = 500; ; wait = Math.min(wait * 2, 5_000)) {
    try {
      const { result } = await api.get(path, z.object({ result: z.array(agentInterface) }));
      const all = result.flatMap((one) => one["ip-addresses"] ?? []);
      const address = all
        .filter((one) => one["ip-address-type"] === "ipv4")
        .map((one) => one["ip-address"])
        .find((one) => !/^(127|169\.254)\./.test(one));
      if (address) return { address, interfaces: result };
      last = "it reports no IPv4 address; does DHCP answer on the template's bridge?";
    } catch (error) {
      if (!(error instanceof ProxmoxError) || error.status !== 500 || !/agent/i.test(error.serverMessage)) throw error;
      last = error.serverMessage;
    }
    if (performance.now() + wait >= end) {
      throw new Error(
        `the guest agent gave no address within ${seconds} s: ${last}. The images of Ubuntu and Debian come without ` +
          "qemu-guest-agent: take an image that has it, or set vendor_data_file_id to a snippet that installs it",
      );
    }
    await pause(wait, undefined, { signal });
  }
}

/** Test clones of a key under our mark: what this test made, and what one left that was killed. */
export async function testClones(api: ProxmoxApi, key: string, owner: string): Promise<ClusterVm[]> {
  const all = await clusterVms(api);
  return all.filter(
    ({ name, tags, template, type }) =>
      type === "qemu" &&
      Number(template ?? 0) === 0 &&
      name?.startsWith(smokePrefix(key)) &&
      proxmoxOwner(tags ?? "") === owner,
  );
}

/** Stops and destroys a clone with its disks. Whether it runs, or is still being made, is asked, not assumed. */
export async function destroyClone(api: ProxmoxApi, { node, vmid }: Pick<ClusterVm, "node" | "vmid">): Promise<void> {
  const path = `/nodes/${node}/qemu/${vmid}`;
  if (!(await waitUntilUnlocked(api, { node, vmid }, lockMs))) return;
  const { status } = await api.get(`${path}/status/current`, powerState);
  if (status === "running") await api.ended(await api.send("POST", `${path}/status/stop`, taskName), stopMs);
  await destroyVm(api, { node, vmid });
}
