/**
 * The SSH login on a test clone, with the operator's own key, which cloud-init put there. Host keys of clones are new each
 * time: they are kept for the time of the test alone.
 */

import { rmSync } from "node:fs";
import { credentials, keyPathVariable } from "../../lib/ssh/dial.ts";
import { knownHostsFile } from "../../lib/ssh/known-hosts.ts";
import { ssh2 } from "../../lib/ssh/package.ts";
import { passGate } from "../readiness/gate.ts";

/** How long a clone that answers its agent may be out of this machine's reach before it counts as such, in seconds. */
const reachSeconds = 30;
/** Bound on one attempt, in seconds. */
const attemptSeconds = 10;

/** Public half of the operator's key, or why there is none to put on a clone. */
export function publicKey(): string | Error {
  try {
    const { privateKey } = credentials();
    if (privateKey === undefined) return new Error(`only an SSH agent is there; export ${keyPathVariable}`);
    const key = ssh2().utils.parseKey(privateKey as Buffer);
    return key instanceof Error ? key : `${key.type} ${key.getPublicSSH().toString("base64")}`;
  } catch (error) {
    return error as Error;
  }
}

/** How the login went. */
export interface LoginResult {
  status: "ok" | "error" | "unreachable";
  reason: string;
}

/**
 * Logs in, and waits for cloud-init to have finished.
 * @param clone its name is of this test alone.
 */
export async function login(
  clone: { name: string; host: string; port: number; user: string },
  seconds: number,
  signal: AbortSignal,
): Promise<LoginResult> {
  const target = { ...clone, stack: `smoke/${clone.name}` };
  const tryFor = async (waitSeconds: number) => {
    const patience = { timeoutSeconds: Math.min(attemptSeconds, seconds), waitSeconds, signal };
    const [result] = await passGate([target], [{ kind: "direct" }], patience);
    return result;
  };
  try {
    const first = await tryFor(Math.min(reachSeconds, seconds));
    const unreachable = first?.failure === "unreachable";
    const result = first?.status === "ok" || unreachable ? first : await tryFor(Math.max(0, seconds - reachSeconds));
    if (result?.status === "ok") return { status: "ok", reason: "" };
    return { status: unreachable ? "unreachable" : "error", reason: `${result?.stage}: ${result?.reason}` };
  } finally {
    rmSync(knownHostsFile(target.stack), { force: true });
  }
}
