/**
 * Waiting for cloud-init on a VM that has just booted.
 */

import type { SshConnection } from "../../lib/ssh/connection.ts";
import { cloudInitCommand } from "../readiness/cloud-init.ts";

const boundSeconds = 600;

/**
 * Waits until cloud-init is done with a machine; one without cloud-init, or where it is off, has nothing to wait for.
 * @throws with the end of what cloud-init says of itself, when it failed.
 */
export async function cloudInitDone(vm: SshConnection): Promise<void> {
  const { code } = await vm.run(cloudInitCommand("wait", { seconds: boundSeconds }), { timeoutSeconds: boundSeconds });
  if (code === 0) return;
  const details = await vm.run("cloud-init status --long | tail -n 15");
  throw new Error(`cloud-init failed; look at /var/log/cloud-init-output.log there:\n${details.stdout.trim()}`);
}
