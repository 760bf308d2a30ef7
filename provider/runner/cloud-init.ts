/**
 * Waiting for cloud-init on a VM that has just booted.
 */
import type { SshConnection } from "../../components/ssh/connection.ts";

const boundSeconds = 600;
const units = "cloud-init-local cloud-init cloud-init-main cloud-init-network cloud-config cloud-final";

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
 * A shell script that waits for cloud-init's own result. Its `status --wait` would ask systemd about every unit four times a
 * second, which an emulated VM has no time for: it is asked where cloud-init is off, where a unit failed before there was a
 * result, and where the result has errors. Exit code 2 of it means: done, and complains of something that did not stop it.
 * It ends by itself: a connection that is lost leaves nothing behind that waits.
 * @param directory where cloud-init keeps what it does; the tests have one of their own.
 */
export function waitScript(directory = "/run/cloud-init"): string {
  return `command -v cloud-init >/dev/null || exit 0
if [ -e ${directory}/enabled ]; then
  left=${boundSeconds}
  until [ -s ${directory}/result.json ] || systemctl is-failed --quiet ${units}; do
    [ $left -gt 0 ] || exit 1
    left=$((left - 1)); sleep 1
  done
  grep -qF '"errors": []' ${directory}/result.json 2>/dev/null && exit 0
fi
timeout ${boundSeconds} cloud-init status --wait >/dev/null 2>&1
case $? in 0 | 2) ;; *) exit 1 ;; esac`;
}
