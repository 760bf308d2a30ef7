#!/usr/bin/env bash
# The runner that holdfast makes, made by hand: what an engineer types on the workstation, over SSH with pinned host keys.
# usage: by-hand.sh up|down WORK    WORK: an empty 0700 directory of ours
# Environment: HOST KNOWN_HOSTS KEY (of host and VM), NAME ADDRESS GATEWAY DNS MAC TYPE VCPUS MEMORY_MB DISK_GB IMAGE (of the VM),
# FORGE_URL TOKEN_FILE JOB_IMAGE RUNNER (of the runner).
set -euo pipefail
verb=$1 work=$2
: "${HOST:?}" "${KNOWN_HOSTS:?}" "${KEY:?}" "${NAME:?}" "${ADDRESS:?}" "${GATEWAY:?}" "${DNS:?}" "${MAC:?}" "${TYPE:?}" "${VCPUS:?}"
: "${MEMORY_MB:?}" "${DISK_GB:?}" "${IMAGE:?}" "${FORGE_URL:?}" "${TOKEN_FILE:?}" "${JOB_IMAGE:?}" "${RUNNER:?}"
pool=/var/lib/libvirt/images
login=(-F none -i "$KEY" -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=10)
# One connection to each machine, as whoever types this has open: an emulated VM takes seconds for every login.
login+=(-o ControlMaster=auto -o ControlPath="$work/%h.socket" -o ControlPersist=yes)
hang_up() { for socket in "$work"/*.socket; do ssh -F none -o ControlPath="$socket" -O exit peer 2>/dev/null || true; done; }
trap hang_up EXIT
on_host() { ssh "${login[@]}" -o UserKnownHostsFile="$KNOWN_HOSTS" "root@$HOST" "$@"; }
on_vm() { ssh "${login[@]}" -o UserKnownHostsFile="$work/known_hosts" "root@$ADDRESS" "$@"; }

# kube-router drops what it does not know.
open_bridge() { on_host "iptables -I FORWARD -i br0 -o br0 -m physdev --physdev-is-bridged -j ACCEPT"; }

volumes() {
  on_host "cat >$pool/$NAME-base.qcow2" <"$IMAGE"
  on_host "qemu-img create -q -f qcow2 -b $NAME-base.qcow2 -F qcow2 $pool/$NAME.qcow2 ${DISK_GB}G"
}

indented() { sed 's/^/    /' "$1"; }

seed() {
  ssh-keygen -q -t ed25519 -N '' -C "$NAME" -f "$work/host_key"
  echo "$ADDRESS $(cut -d ' ' -f 1,2 "$work/host_key.pub")" >"$work/known_hosts"
  printf 'instance-id: %s\nlocal-hostname: %s\n' "$NAME" "$NAME" >"$work/meta-data"
  cat >"$work/user-data" <<CONFIG
#cloud-config
hostname: $NAME
disable_root: false
users:
  - name: root
    lock_passwd: true
    ssh_authorized_keys: ["$(ssh-keygen -y -f "$KEY")"]
ssh_deletekeys: true
ssh_keys:
  ed25519_private: |
$(indented "$work/host_key")
  ed25519_public: $(cat "$work/host_key.pub")
package_update: true
packages: [docker.io, qemu-guest-agent]
runcmd: [[systemctl, enable, --now, qemu-guest-agent]]
CONFIG
  cat >"$work/network-config" <<CONFIG
version: 2
ethernets:
  lan:
    match: { name: "e*" }
    dhcp4: false
    addresses: [$ADDRESS/24]
    routes: [{ to: default, via: $GATEWAY }]
    nameservers: { addresses: [$DNS] }
CONFIG
  (cd "$work" && genisoimage -quiet -output seed.iso -volid cidata -joliet -rock user-data meta-data network-config)
  on_host "umask 077 && cat >$pool/$NAME-seed.iso" <"$work/seed.iso"
}

domain() {
  on_host "cat >/run/$NAME.xml && virsh -q define /run/$NAME.xml && virsh -q autostart $NAME && virsh -q start $NAME" <<XML
<domain type='$TYPE'>
  <name>$NAME</name>
  <memory unit='MiB'>$MEMORY_MB</memory>
  <vcpu>$VCPUS</vcpu>
  <os><type arch='x86_64'>hvm</type><boot dev='hd'/></os>
  <features><acpi/><apic/><pae/></features>
  $([ "$TYPE" = kvm ] && echo "<cpu mode='host-passthrough'/>")
  <devices>
    <disk type='file'><driver name='qemu' type='qcow2'/><source file='$pool/$NAME.qcow2'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file'><driver name='qemu' type='raw'/><source file='$pool/$NAME-seed.iso'/><target dev='vdb' bus='virtio'/></disk>
    <interface type='bridge'><mac address='$MAC'/><source bridge='br0'/><model type='virtio'/></interface>
    <console type='pty'><target type='serial' port='0'/></console>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <graphics type='vnc' autoport='yes' listen='127.0.0.1'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>
XML
}

booted() {
  for _ in $(seq 200); do
    if on_vm true 2>/dev/null; then
      on_vm "cloud-init status --wait >/dev/null; [ \$? -ne 1 ]"
      return
    fi
    sleep 1
  done
  echo "no SSH on $ADDRESS; look at: virsh console $NAME" >&2
  exit 1
}

# curl reads URL, headers and body from standard input: tokens never get into an argument list.
ask() { curl --silent --show-error --fail --max-time 30 --config -; }
value() { python3 -c 'import functools, json, sys; print(functools.reduce(lambda d, k: d[k], sys.argv[1:], json.load(sys.stdin)))' "$@"; }

register() {
  local minted answer
  minted=$(ask <<CONFIG | value token
url = "$FORGE_URL/api/v1/admin/actions/runners/registration-token"
request = POST
header = "Authorization: token $(cat "$TOKEN_FILE")"
CONFIG
  )
  answer=$(ask <<CONFIG
url = "$FORGE_URL/api/actions/runner.v1.RunnerService/Register"
header = "Content-Type: application/json"
data = "{\"name\":\"$NAME\",\"token\":\"$minted\",\"version\":\"by-hand\",\"labels\":[\"fenced\"]}"
CONFIG
  )
  cat >"$work/runner.json" <<JSON
{ "id": $(value runner id <<<"$answer"), "uuid": "$(value runner uuid <<<"$answer")", "name": "$NAME",
  "token": "$(value runner token <<<"$answer")", "address": "$FORGE_URL", "labels": ["fenced:docker://$JOB_IMAGE"] }
JSON
}

service() {
  on_vm "systemctl enable --quiet --now docker && docker pull --quiet $JOB_IMAGE >/dev/null"
  on_vm "useradd --system --create-home --groups docker --home-dir /var/lib/forgejo-runner forgejo-runner
cat >/usr/local/bin/forgejo-runner && chmod 0755 /usr/local/bin/forgejo-runner" <"$RUNNER"
  on_vm "umask 077 && cat >/var/lib/forgejo-runner/.runner" <"$work/runner.json"
  on_vm "cat >/var/lib/forgejo-runner/config.yml" <<CONFIG
runner: { file: /var/lib/forgejo-runner/.runner, capacity: 1, labels: ["fenced:docker://$JOB_IMAGE"] }
host: { workdir_parent: /var/lib/forgejo-runner/work }
CONFIG
  on_vm "cat >/etc/systemd/system/forgejo-runner.service && chown -R forgejo-runner: /var/lib/forgejo-runner &&
systemctl daemon-reload && systemctl enable --quiet --now forgejo-runner" <<UNIT
[Unit]
After=network-online.target docker.service
[Service]
User=forgejo-runner
WorkingDirectory=/var/lib/forgejo-runner
ExecStart=/usr/local/bin/forgejo-runner daemon --config /var/lib/forgejo-runner/config.yml
Restart=always
[Install]
WantedBy=multi-user.target
UNIT
}

down() {
  on_host "virsh -q destroy $NAME; virsh -q undefine $NAME; rm -f /run/$NAME.xml $pool/$NAME.qcow2 $pool/$NAME-*
iptables -D FORWARD -i br0 -o br0 -m physdev --physdev-is-bridged -j ACCEPT"
}

umask 077
case $verb in
  up)
    # One a line: `set -e` looks away in a list of && and ||.
    open_bridge
    volumes
    seed
    domain
    booted
    register
    service
    ;;
  down) down ;;
  *) echo "by-hand.sh does not know \"$verb\"" >&2 && exit 2 ;;
esac
