#!/bin/sh
# How far a machine's cloud-init is. usage: cloud-init.sh look|status|wait DIRECTORY SECONDS
#
# look    prints `absent`, `running`, `done`, or `ask` where only cloud-init knows: it is off, a unit failed before there was a
#         result, or the result has errors.
# status  prints `status: …` as `cloud-init status` does, which is asked only where it must be.
# wait    waits until cloud-init is done, and fails where it failed or takes longer than SECONDS. It ends by itself: a connection
#         that is lost leaves nothing behind that waits.
directory=$2 # where cloud-init keeps what it does: /run/cloud-init

# Every version has some of these units.
unit_failed() {
  systemctl is-failed --quiet cloud-init-local cloud-init cloud-init-main cloud-init-network cloud-config cloud-final
}

look() {
  command -v cloud-init >/dev/null 2>&1 || { echo absent; return; }
  [ -e "$directory/enabled" ] || { echo ask; return; }
  if [ -s "$directory/result.json" ]; then
    if grep -qF '"errors": []' "$directory/result.json"; then echo "done"; else echo ask; fi
  elif unit_failed; then
    echo ask
  else
    echo running
  fi
}

# Exit code 2 of `cloud-init status` means: done, and complains of something that did not stop it.
wait_until_done() {
  left=$1
  while [ "$left" -gt 0 ]; do
    case $(look) in
      absent | done) return 0 ;;
      ask) break ;;
      *) ;;
    esac
    left=$((left - 1))
    sleep 1
  done
  [ "$left" -gt 0 ] || return 1
  timeout "$1" cloud-init status --wait >/dev/null 2>&1
  case $? in
    0 | 2) ;;
    *) return 1 ;;
  esac
}

case $1 in
  look) look ;;
  status)
    seen=$(look)
    if [ "$seen" = ask ]; then cloud-init status 2>/dev/null; else echo "status: $seen"; fi
    ;;
  wait) wait_until_done "$3" ;;
  *) echo "usage: cloud-init.sh look|status|wait DIRECTORY SECONDS" >&2; exit 2 ;;
esac
