/**
 * What the readiness gate says: one message for the operator in the words that runbooks search for, and the evidence files of
 * a run. Pure.
 */
import type { ReadinessInputs } from "../../resources/ssh/readiness.ts";
import type { GateResult } from "../readiness/gate.ts";

/** Group of the targets, in labels and names of evidence files. */
const group = "platform_vm_targets";

/** How a gate names what it is about: the group of its targets, and the configuration key of its patience. */
export interface GateWords {
  group: string;
  waitKey: string;
}

const poolWords: GateWords = { group, waitKey: "post_apply_ssh_readiness.connectivity_wait_s" };

/** What the whole gate came to. */
export type GateStatus = "ok" | "error" | "skipped";

/** Names of what a gate leaves, for its messages. */
const evidenceHint = "(see post_apply_ssh_readiness.json and connectivity_* evidence)";

/** The failed gate in one message; every machine that is not ready, in their order. */
export function gateMessage(results: readonly GateResult[], timeoutSeconds: number): string {
  const failed = results.filter(({ status }) => status === "error");
  if (results.length === 0) {
    return `post-apply SSH readiness failed: there is no target to check, and the check is required ${evidenceHint}; set post_apply_ssh_readiness.required to false where a pool without VMs is meant`;
  }
  const lines = failed.map((result) => resultMessage(result, timeoutSeconds));
  if (lines.length === 1) return `post-apply SSH readiness failed: ${lines[0]} ${evidenceHint}`;
  const head = `post-apply SSH readiness failed: ${failed.length} of ${results.length} VMs are not ready ${evidenceHint}:`;
  return [head, ...lines.map((line) => `- ${line}`)].join("\n");
}

/** What is wrong with one machine, and what to do next. */
export function resultMessage(result: GateResult, timeoutSeconds: number, words = poolWords): string {
  const { name, host, port, user, route, reason = "" } = result;
  const label = `${words.group}.${name}`;
  const [way, proxy = ""] = route.split(" ");
  const proxied = way !== "direct";
  const advice =
    "Ensure your workstation has L3 access to the management network (VPN/route), or configure inputs.ssh_proxy_jump_host for a bastion.";
  switch (result.failure) {
    case "proxy-login":
      return `connectivity check failed: cannot reach ssh_proxy_jump_host=${proxy} (timeout=${timeoutSeconds}s): ${reason}`;
    case "wrong-key":
      return proxied
        ? `connectivity check failed: target is reachable via proxy, but SSH authentication failed for ${label} (host=${host}). Confirm target_user=${user} and key injection. ${reason}`
        : `connectivity check failed: target SSH port is reachable, but authentication failed for ${label} (host=${host}). Confirm target_user=${user} exists and the SSH key is authorised. ${reason}`;
    case "service-not-ready":
      return `connectivity check failed: target VM is reachable through its transport path, but SSH is not ready yet for ${label} (host=${host}:${port}, ${result.stage}): ${reason}. Look at its console, or raise ${words.waitKey} where it boots slowly`;
    case "host-key-changed":
      return `connectivity check failed: ${reason}`;
    default:
      return proxied
        ? `connectivity check failed: proxy is reachable, but cannot reach the target from the proxy (${proxy} -> ${host}:${port}) for ${label}: ${reason}`
        : `connectivity check failed: cannot reach ${label} host=${host}:${port} from this machine (timeout=${timeoutSeconds}s): ${reason}. ${advice}`;
  }
}

/** The gate's evidence by file name: the documented summary, and what was tried with each machine. */
export function gateEvidence(
  inputs: ReadinessInputs,
  status: GateStatus,
  results: readonly GateResult[],
  error: string | undefined,
): Record<string, string> {
  const { jump, bastion } = inputs;
  const over = jump ?? bastion;
  const autoNote = `auto-enabled ssh proxy jump via ${bastion?.user}@${bastion?.host} from proxmox init metadata`;
  const proxy = over && { host: over.host, user: over.user, port: over.port, auto_note: jump ? "" : autoNote };
  const summary = {
    enabled: true,
    required: inputs.required,
    status,
    config: {
      target_user: inputs.targets[0]?.user ?? "",
      target_port: inputs.targets[0]?.port ?? 22,
      connectivity_timeout_s: inputs.timeoutSeconds,
      connectivity_wait_s: inputs.waitSeconds,
      ssh_proxy_jump_auto: bastion !== undefined,
      ssh_proxy_jump_host: jump?.host ?? "",
      ssh_proxy_jump_user: jump?.user ?? "",
      ssh_proxy_jump_port: jump?.port ?? 22,
    },
    targets: results.map(({ attempts, ...result }) => ({ ...result, attempts: attempts.length })),
    effective_proxy: proxy ?? null,
    ...(error === undefined ? {} : { error }),
  };
  const files: Record<string, string> = { "post_apply_ssh_readiness.json": json(summary) };
  for (const { name, attempts } of results) {
    const viaProxy = attempts.filter(({ route }) => route !== "direct");
    if (viaProxy.length > 0) files[`connectivity_proxy_nc.${group}.${name}.json`] = json(viaProxy);
    files[`connectivity_ssh_auth.${group}.${name}.json`] = json(attempts);
  }
  return files;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
