#!/bin/sh
# Prepares the directory of a runner on its VM, and what it needs; safe to repeat.
# usage: prepare.sh DIRECTORY OWNER docker             runs in a container, as the user with this number
#        prepare.sh DIRECTORY OWNER [docker] account   runs as a program, as an account of this name; docker: for its jobs
set -eu
directory=$1 owner=$2
shift 2

# Docker may be there and start only when somebody asks it; a runner and its jobs need it after a reboot, too.
start_docker() {
  command -v docker >/dev/null || { echo "there is no docker: vm.packages must have docker.io" >&2; exit 1; }
  if systemctl is-active --quiet docker && systemctl is-enabled --quiet docker; then return; fi
  systemctl enable --quiet --now docker
}

make_account() {
  id "$owner" >/dev/null 2>&1 || useradd --system --home-dir "$directory" --shell /usr/sbin/nologin "$owner"
  if getent group docker >/dev/null; then usermod -aG docker "$owner"; fi
}

for need; do
  case $need in
    docker) start_docker ;;
    account) make_account ;;
    *) exit 2 ;;
  esac
done
install -d -m 0700 -o "$owner" -g "$owner" "$directory"
chown -R "$owner:$owner" "$directory"
