/**
 * Waiting for cloud-init on a VM that has just booted.
 */
import type { SshConnection } from "../../components/ssh/connection.ts";

const boundSeconds = 600;

/**
 * Waits for cloud-init's own result. Its `status --wait` would ask systemd about every unit four times a second, which an
 * emulated VM has no time for; it is asked where cloud-init is off, or one of its units failed before there was a result.
 * Exit code 2 of it means that it is done and complains of something that did not stop it.
 */
export async function cloudInitDone(vm: SshConnection): Promise<void> {
  const units = "cloud-init-local cloud-init cloud-init-main cloud-init-network cloud-config cloud-final";
  const { code } = await vm.run(
    `command -v cloud-init >/dev/null || exit 0
if [ -e /run/cloud-init/enabled ]; then
  until [ -s /run/cloud-init/result.json ] || systemctl is-failed --quiet ${units}; do sleep 1; done
  grep -qF '"errors": []' /run/cloud-init/result.json && exit 0
fi
cloud-init status --wait >/dev/null 2>&1; [ $? -ne 1 ]`,
    { timeoutSeconds: boundSeconds },
  );
  if (code === 0) return;
  const details = await vm.run("cloud-init status --long | tail -n 15");
  throw new Error(`cloud-init failed; look at /var/log/cloud-init-output.log there:\n${details.stdout.trim()}`);
}
