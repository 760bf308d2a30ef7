/**
 * Puts one layer of the egress fence on a machine, looks whether it is in force, and takes it away: the same for a
 * hypervisor and for a VM.
 */
import { z } from "zod";
import { isName } from "../../components/fence/policy.ts";
import { contains } from "../../lib/network/ipv4.ts";
import type { SshConnection } from "../../lib/ssh/connection.ts";
import type { EgressPolicy } from "../../resources/egress-policy.ts";
import { fenceChecks, fenceFiles, lower, raise, serviceName } from "../fence/install.ts";
import type { FenceKind } from "../fence/rules.ts";
import { scriptPath } from "../fence/script.ts";
import { failedChecks, intact } from "./checks.ts";

/** One layer on one machine. */
export interface FenceLayer {
  /** Names the fence on its machine. */
  owner: string;
  kind: FenceKind;
  policy: EgressPolicy;
}

/**
 * Installs the layer and loads it.
 * @throws when it is not in force afterwards, or nftables is missing and cannot be installed.
 */
export async function raiseFence(machine: SshConnection, layer: FenceLayer): Promise<void> {
  await machine.must(needsNft(layer.kind), { timeoutSeconds: 300 });
  await machine.writeFiles(filesOf(layer));
  await machine.must(raise.call(layer.owner, layer.kind.layer));
  const wrong = await brokenFence(machine, layer);
  if (wrong.length > 0) {
    throw new Error(`on ${machine.target.host}: ${wrong.join("; ")}; look at \`nft list ruleset\` there`);
  }
}

/**
 * Loads all fences of a hypervisor again, which then know the VM's current interface. They were raised before the VM had
 * one, and their timer would come up to a minute later.
 */
export async function reloadFences(hypervisor: SshConnection): Promise<void> {
  await hypervisor.must(`[ ! -x ${scriptPath} ] || systemctl start ${serviceName}`);
}

/** Shell commands that fail when the layer is not in force, by what that means. */
export function fenceLayerChecks(layer: FenceLayer): Record<string, string> {
  const contents = filesOf(layer).map(({ path, content }) => [path, content] as const);
  return { ...intact(Object.fromEntries(contents)), ...fenceChecks(layer.owner) };
}

/** What keeps the layer from being in force, in words; nothing when it is. */
export function brokenFence(machine: SshConnection, layer: FenceLayer): Promise<string[]> {
  return failedChecks(machine, fenceLayerChecks(layer));
}

/**
 * Exceptions that open nothing, in words: their names resolve into closed networks, and their entries do not say that the LAN
 * is meant.
 */
export async function idleExceptions(machine: SshConnection, { owner, policy }: FenceLayer): Promise<string[]> {
  const lines = (await machine.must(`${scriptPath} names ${owner}`)).split("\n").map((line) => line.split(" "));
  const found = Object.fromEntries(lines.map(([name = "", list = ""]) => [name, list.split(",")]));
  const closed = [...policy.closed, ...(found.own ?? [])].filter((network) => z.cidrv4().safeParse(network).success);
  return policy.exceptions
    .filter(({ host, lan }) => isName(host) && !lan)
    .flatMap(({ host, port }) =>
      (found[host] ?? [])
        .filter((address) => z.ipv4().safeParse(address).success)
        .filter((address) => closed.some((network) => contains(network, address)))
        .map((address) => {
          const entry = `lan:${host}${port ? `:${port}` : ""}`;
          return `${host} is ${address}, which stays closed to jobs; if that is meant: ${entry} in runner.egress.allow`;
        }),
    );
}

/** Takes the layer away, and with the last one everything that fences need. */
export async function lowerFence(machine: SshConnection, owner: string): Promise<void> {
  await machine.must(lower.call(owner));
}

function filesOf({ owner, kind, policy }: FenceLayer) {
  return fenceFiles(owner, kind, policy);
}

/** Preparing a hypervisor is its operator's; a VM is ours, and may get what it lacks. */
function needsNft({ layer }: FenceKind): string {
  const install = "DEBIAN_FRONTEND=noninteractive apt-get install -y -q nftables >/dev/null";
  const missing = "nftables is not installed: sudo apt-get install -y nftables";
  const otherwise = layer === "vm" ? `${install} ||` : "";
  return `command -v nft >/dev/null || ${otherwise} { echo '${missing}' >&2; exit 1; }`;
}
