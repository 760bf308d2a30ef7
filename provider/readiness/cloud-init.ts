/**
 * Asking a machine how far its cloud-init is. `cloud-init status` starts a Python that asks systemd about every unit: seconds of
 * computing on a machine that is emulated, or busy with its first boot. So its result is looked at first, and cloud-init itself
 * is asked where there is none and where there is more to say.
 */

/** Every version has some of them. */
const units = "cloud-init-local cloud-init cloud-init-main cloud-init-network cloud-config cloud-final";

/**
 * A shell function `look` that prints `absent`, `running`, `done`, or `ask` where only cloud-init knows: it is off, a unit failed
 * before there was a result, or the result has errors.
 * @param directory where cloud-init keeps what it does.
 */
export function lookFunction(directory = "/run/cloud-init"): string {
  return `look() {
  command -v cloud-init >/dev/null 2>&1 || { echo absent; return; }
  [ -e ${directory}/enabled ] || { echo ask; return; }
  if [ -s ${directory}/result.json ]; then
    if grep -qF '"errors": []' ${directory}/result.json; then echo done; else echo ask; fi
  elif systemctl is-failed --quiet ${units}; then echo ask
  else echo running
  fi
}`;
}
