/**
 * The operator's own key: its public half goes onto the VMs that we make.
 */

import { ProgramError } from "../program-error.ts";
import { credentials, keyPathVariable } from "./dial.ts";
import { ssh2 } from "./package.ts";

/**
 * Public half of the key that `RUNNER_SSH_KEY_PATH` names, as a line for authorized_keys without a comment, so that two
 * copies of one key give one text.
 * @throws when only an agent is there: it holds many keys, and which of them is meant must be said.
 */
export function operatorPublicKey(): string {
  const { privateKey } = readCredentials();
  const key =
    privateKey === undefined ? new Error("only an agent is there") : ssh2().utils.parseKey(privateKey as Buffer);
  if (key instanceof Error) {
    throw new ProgramError(
      `cannot tell which public key to put onto the VM: set vm.authorizedKeys, or export ${keyPathVariable}`,
    );
  }
  return `${key.type} ${key.getPublicSSH().toString("base64")}`;
}

function readCredentials(): ReturnType<typeof credentials> {
  try {
    return credentials();
  } catch (error) {
    return ProgramError.rethrow(error as Error);
  }
}
