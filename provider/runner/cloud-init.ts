/**
 * Waiting for cloud-init on a VM that has just booted.
 */

import type { SshConnection } from "../../lib/ssh/connection.ts";
import { lookFunction } from "../readiness/cloud-init.ts";

const boundSeconds = 600;

/**
 * Waits until cloud-init is done with a machine; one without cloud-init, or where it is off, has nothing to wait for.
 * @throws with the end of what cloud-init says of itself, when it failed.
 */
export async function cloudInitDone(vm: SshConnection): Promise<void> {
  const { code } = await vm.run(waitScript(), { timeoutSeconds: boundSeconds });
  if (code === 0) return;
  const details = await vm.run("cloud-init status --long | tail -n 15");
  throw new Error(`cloud-init failed; look at /var/log/cloud-init-output.log there:\n${details.stdout.trim()}`);
}

/**
 * A shell script that waits for cloud-init's own result, and asks cloud-init itself where that does not tell. Exit code 2 of its
 * `status` means: done, and complains of something that did not stop it. The script ends by itself: a connection that is lost
 * leaves nothing behind that waits.
 * @param directory where cloud-init keeps what it does; the tests have one of their own.
 */
export function waitScript(directory?: string): string {
  return `${lookFunction(directory)}
left=${boundSeconds}
while [ $left -gt 0 ]; do
  case $(look) in
    absent | done) exit 0 ;;
    ask) break ;;
  esac
  left=$((left - 1)); sleep 1
done
[ $left -gt 0 ] || exit 1
timeout ${boundSeconds} cloud-init status --wait >/dev/null 2>&1
case $? in 0 | 2) ;; *) exit 1 ;; esac`;
}
