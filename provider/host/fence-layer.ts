/**
 * Puts one layer of the egress fence on a machine, looks whether it is in force, and takes it away: the same for a
 * hypervisor and for a VM.
 */
import { z } from "zod";
import type { EgressPolicy } from "../../components/fence/policy.ts";
import {
  abolish,
  enforce,
  type FenceKind,
  fenceChecks,
  fenceFiles,
  script,
  scriptPath,
  serviceName,
} from "../../components/fence/rules.ts";
import type { SshConnection } from "../../components/ssh/connection.ts";
import { failedChecks, intact } from "./checks.ts";

/** The policy as resources take it; see `EgressPolicy`. */
export const egressPolicy: z.ZodType<EgressPolicy> = z.strictObject({
  exceptions: z.array(
    z.strictObject({
      host: z.string().regex(/^[\w./-]+$/, "expected an address, a network or a name"),
      protocol: z.enum(["tcp", "udp", "any"]),
      port: z.int().min(1).max(65_535).optional(),
    }),
  ),
  closed: z.array(z.cidrv4("expected IPv4 networks")),
});

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
  const files = filesOf(layer);
  await machine.must(needsNft(layer.kind), { timeoutSeconds: 300 });
  const mode = (path: string) => (path === scriptPath ? "0755" : "0644");
  await machine.writeFiles(Object.entries(files).map(([path, content]) => ({ path, content, mode: mode(path) })));
  await machine.must(enforce(layer.owner));
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
  return { ...intact(filesOf(layer)), ...fenceChecks(layer.owner) };
}

/** What keeps the layer from being in force, in words; nothing when it is. */
export function brokenFence(machine: SshConnection, layer: FenceLayer): Promise<string[]> {
  return failedChecks(machine, fenceLayerChecks(layer));
}

/** Takes the layer away, and with the last one everything that fences need. */
export async function lowerFence(machine: SshConnection, owner: string): Promise<void> {
  await machine.must(abolish(owner));
}

function filesOf({ owner, kind, policy }: FenceLayer): Record<string, string> {
  return { [scriptPath]: script(), ...fenceFiles(owner, kind, policy) };
}

/** Preparing a hypervisor is its operator's; a VM is ours, and may get what it lacks. */
function needsNft({ layer }: FenceKind): string {
  const install = "DEBIAN_FRONTEND=noninteractive apt-get install -y -q nftables >/dev/null";
  const missing = "nftables is not installed: sudo apt-get install -y nftables";
  const otherwise = layer === "vm" ? `${install} ||` : "";
  return `command -v nft >/dev/null || ${otherwise} { echo '${missing}' >&2; exit 1; }`;
}
