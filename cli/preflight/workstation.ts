/**
 * What a stack of VMs needs of the workstation that deploys it: a key for SSH, room for evidence, and an environment that says
 * what the stack says. Looks, and changes nothing.
 */
import { accessSync, constants, existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Check } from "../../lib/preflight/check.ts";
import { credentials, keyPathVariable } from "../../lib/ssh/dial.ts";
import { operatorPublicKey } from "../../lib/ssh/operator-key.ts";
import { evidenceRoot } from "../../provider/evidence/directory.ts";

/** What evidence may need, in MiB. */
const evidenceMb = 256;

const keyFix = `export ${keyPathVariable}=<path of an unencrypted private key>`;

/** Whether there is a key to log in with. */
export function sshKeyCheck(): Check {
  return keyCheck("there is a key for SSH", keyFix, () => void credentials());
}

/** Whether its public half can go onto new VMs: an agent does not say which of its keys is meant. */
export function publicKeyCheck(): Check {
  const fix = `${keyFix}, or pulumi config set ssh_keys <public keys>`;
  return keyCheck("the public key of new VMs is known", fix, () => void operatorPublicKey());
}

function keyCheck(what: string, fix: string, look: () => void): Check {
  try {
    look();
    return { what, status: "ok" };
  } catch (error) {
    return { what, status: "failed", found: (error as Error).message, fix };
  }
}

/** Whether evidence can be written, with room for it. The directory need not be there yet. */
export async function evidenceCheck(root = evidenceRoot()): Promise<Check> {
  const what = `evidence can be written, ${evidenceMb} MiB of it`;
  let directory = root;
  while (!existsSync(directory) && dirname(directory) !== directory) directory = dirname(directory);
  const fix = "make room there, or export XDG_STATE_HOME=<another directory>";
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(directory);
    const freeMb = Math.floor((bavail * bsize) / 1024 ** 2);
    if (freeMb >= evidenceMb) return { what, status: "ok", found: root };
    return { what, status: "failed", found: `${directory} has ${freeMb} MiB free`, fix };
  } catch (error) {
    return { what, status: "failed", found: (error as Error).message, fix };
  }
}

/**
 * Whether HYOPS_ENV says what the stack would say without it. What the configuration itself contradicts is found by the plan.
 * @param own environment of configuration or site contract; undefined where neither says one.
 */
export function environmentCheck(hyopsEnv: string, own: string | undefined): Check {
  const what = "HYOPS_ENV does not contradict the stack";
  if (hyopsEnv === "" || own === undefined || own === hyopsEnv) {
    return { what, status: "ok", found: hyopsEnv === "" ? "not set" : hyopsEnv };
  }
  return {
    what,
    status: "failed",
    found: `HYOPS_ENV is ${hyopsEnv} and would win; the stack is of ${own}`,
    fix: "unset HYOPS_ENV, or use the stack of that environment",
  };
}
