/**
 * The fence as it stands on a machine: pure text. It has two layers with one policy. The one on the hypervisor's bridge is
 * out of reach of whatever runs in the VM; the one on the VM refuses at once, where the bridge drops in silence.
 *
 * Both are nftables tables of their own, which no flush of iptables touches, loaded whole or not at all. A timer loads them
 * again every minute: names may have moved, another card may be the VM's, and somebody may have flushed the lot.
 */
import type { EgressPolicy, Exception } from "./policy.ts";

/** Seconds between two loads. */
export const reassertSeconds = 60;

/** Loads, checks and unloads fences; the same on hypervisor and VM. */
export const scriptPath = "/usr/local/lib/holdfast/egress-fence";

/** One directory for each fence of the machine, named after its owner: `rules.nft` and `settings`. */
export const fencesDirectory = "/etc/holdfast/egress-fence.d";

/** What the script keeps of what it loaded, to tell later whether that is still in force. */
const runDirectory = "/run/holdfast/egress-fence";

/** Unit that loads all fences of a machine again. */
export const timerName = "holdfast-egress-fence.timer";

/** Unit that loads them at boot, before any VM or job is started. */
export const serviceName = "holdfast-egress-fence.service";

/** Owners' names have dots, which nftables does not take. */
export function tableName(owner: string): string {
  return `holdfast_fence_${owner.replace(/[^A-Za-z0-9]/g, "_")}`;
}

/** What a fence consists of on its machine besides the script: files by path. */
export function fenceFiles(owner: string, kind: FenceKind, policy: EgressPolicy): Record<string, string> {
  const directory = `${fencesDirectory}/${owner}`;
  return {
    [`${directory}/rules.nft`]: rules(owner, kind, policy),
    [`${directory}/settings`]: settings(owner, kind, policy),
    ...units(),
  };
}

/** Which layer. */
export type FenceKind =
  /** On the hypervisor: frames that come from the VM's card, by its MAC address and by its current tap interface. */
  | { layer: "bridge"; mac: string }
  /** On the VM: what containers send, and what any account but root sends. */
  | { layer: "vm" };

/** Lines that the script reads: no shell, so that nothing in them is ever executed. */
function settings(owner: string, kind: FenceKind, policy: EgressPolicy): string {
  const lines = [`table ${family(kind)} ${tableName(owner)}`];
  // libvirt gives a tap the address of the card at its other end, with `fe` in front; nothing in the VM can change that.
  if (kind.layer === "bridge") lines.push(`tap ${kind.mac.replace(/^../, "fe").toLowerCase()}`);
  const allow = ({ host, protocol, port }: Exception) => `allow ${host} ${protocol} ${port ?? "any"}`;
  return `${[...lines, ...policy.exceptions.map(allow)].join("\n")}\n`;
}

function family(kind: FenceKind): string {
  return kind.layer === "bridge" ? "bridge" : "inet";
}

/**
 * The rules. `@own@` (networks and addresses of the machine), `@taps@` (the VM's interfaces) and the chain `allowed` come
 * from the script. Answers pass without connection tracking, which not every kernel has for bridges: a TCP segment that
 * opens nothing, and the ICMP messages that report errors.
 */
function rules(owner: string, kind: FenceKind, policy: EgressPolicy): string {
  const refuse = kind.layer === "bridge" ? "counter drop" : "counter reject with icmpx admin-prohibited";
  const only4 = kind.layer === "bridge" ? `ether type != ip ${refuse}` : `meta nfproto ipv6 ${refuse}`;
  return `table ${family(kind)} ${tableName(owner)} {
  set closed {
    type ipv4_addr
    flags interval
    auto-merge
    elements = { @own@, ${policy.closed.join(", ")} }
  }
  chain fence {
${kind.layer === "bridge" ? "    ether type arp accept\n" : ""}    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
    ${only4}
    tcp flags & (syn | ack) != syn accept
    icmp type { echo-reply, destination-unreachable, time-exceeded, parameter-problem } accept
    udp sport 68 udp dport 67 accept
    jump allowed
    ip daddr @closed ${refuse}
  }
${kind.layer === "bridge" ? bridgeHook(kind.mac) : vmHooks}}
`;
}

function bridgeHook(mac: string): string {
  return `  set taps {
    type ifname
    elements = { @taps@ }
  }
  chain from_vm {
    type filter hook prerouting priority -300; policy accept;
    iifname @taps jump fence
    ether saddr ${mac} jump fence
  }
`;
}

/** A container's packets to its neighbours on the VM never leave it; to the VM's own addresses they are input. */
const vmHooks = `  chain from_containers {
    type filter hook forward priority -10; policy accept;
    oifname "docker*" accept
    oifname "br-*" accept
    jump fence
  }
  chain from_accounts {
    type filter hook output priority 0; policy accept;
    meta skuid 0 accept
    oifname "lo" accept
    oifname "docker*" accept
    oifname "br-*" accept
    jump fence
  }
`;

/** The script. `load` puts every fence in force, `check OWNER` says what is not, `unload OWNER` takes one away. */
export function script(): string {
  return `#!/bin/sh
# Written by holdfast. Loads the egress fences in ${fencesDirectory}; called every ${reassertSeconds} s.
set -eu
fences=${fencesDirectory} loaded=${runDirectory}

setting() { sed -n "s/^$1 //p" "$fences/$owner/settings"; }
joined() { sort -u | paste -sd, -; }

# Networks on the machine's own cards, and its own addresses: the LAN, the hypervisor, whatever else it is plugged into.
own() { { ip -4 -o route show scope link; ip -4 -o addr show | awk '{ print $4 }'; } | awk '$1 ~ /^[0-9]/ { print $1 }' | joined; }

# The VM's interfaces; \`none\` stands for none, because a set must not be empty.
taps() {
  echo none
  tap=$(setting tap)
  [ -z "$tap" ] || grep -lix "$tap" /sys/class/net/*/address 2>/dev/null | cut -d/ -f5
}

# A name that cannot be looked up just now keeps the addresses that it had.
addresses() {
  case $1 in
    *[!0-9./]*)
      known=$loaded/$owner.names/$1
      found=$(getent ahostsv4 "$1" | awk '{ print $1 }' | joined) || found=
      [ -z "$found" ] || echo "$found" >"$known"
      cat "$known" 2>/dev/null || true
      ;;
    *) echo "$1" ;;
  esac
}

allowed() {
  printf 'table %s {\\n chain allowed {\\n' "$(setting table)"
  setting allow | while read -r host protocol port; do
    to=$(addresses "$host")
    [ -n "$to" ] || { echo "$host cannot be looked up: closed until it can" >&2; continue; }
    case $protocol:$port in
      *:any) echo "ip daddr { $to } accept" ;;
      any:*) echo "ip daddr { $to } meta l4proto { tcp, udp } th dport $port accept" ;;
      *) echo "ip daddr { $to } $protocol dport $port accept" ;;
    esac
  done
  printf ' }\\n}\\n'
}

# The timer's run and a deployment may meet.
alone() {
  mkdir -p "$loaded"
  exec 9>"$loaded/$owner.lock"
  flock -w 30 9 || { echo "another load of $owner has hung for 30 s" >&2; exit 1; }
}

load() {
  alone
  # Taken away meanwhile.
  [ -e "$fences/$owner/settings" ] || exit 0
  mkdir -p "$loaded/$owner.names"
  table=$(setting table)
  # One transaction: there is no moment without a fence.
  {
    echo "table $table {}; delete table $table;"
    allowed
    sed "s|@own@|$(own)|; s|@taps@|$(taps | sed 's/.*/"&"/' | joined)|" "$fences/$owner/rules.nft"
  } >"$loaded/$owner.nft"
  nft -f "$loaded/$owner.nft"
  nft -s list table $table >"$loaded/$owner.listing.new"
  mv "$loaded/$owner.listing.new" "$loaded/$owner.listing"
}

# No table is never the right one, whatever a run that was cut off has left to compare it with.
check() {
  now=$(nft -s list table $(setting table) 2>/dev/null) || now=
  [ -n "$now" ] && [ "$now" = "$(cat "$loaded/$owner.listing" 2>/dev/null)" ] || echo "is not loaded, or was changed"
  [ -z "$(setting tap)" ] || taps | while read -r tap; do
    grep -qF "\\"$tap\\"" "$loaded/$owner.listing" 2>/dev/null || echo "does not hold $tap yet"
  done
}

# With its files, lest a run of the timer loads it once more; after its table, which only they name.
unload() {
  [ -e "$fences/$owner/settings" ] || exit 0
  alone
  nft delete table $(setting table) 2>/dev/null || true
  rm -rf "$fences/$owner"
  for part in names nft listing listing.new lock; do rm -rf "$loaded/$owner.$part"; done
}

case $1 in
  load) # One fence that cannot be loaded keeps no other from it.
    failed=0
    for directory in "$fences"/*/; do "$0" load-one "$(basename "$directory")" || failed=1; done
    exit $failed
    ;;
  load-one) owner=$2; load ;;
  check) owner=$2; check ;;
  unload) owner=$2; unload ;;
esac
`;
}

/** The units that call the script, by path. */
function units(): Record<string, string> {
  return {
    [`/etc/systemd/system/${serviceName}`]: `[Unit]
Description=Egress fence of jobs (holdfast)
After=network.target
Before=libvirtd.service virtqemud.service docker.service forgejo-runner.service

[Service]
Type=oneshot
ExecStart=${scriptPath} load

[Install]
WantedBy=multi-user.target
`,
    // AccuracySec: without it systemd may add up to a minute to every interval.
    [`/etc/systemd/system/${timerName}`]: `[Unit]
Description=Load the egress fence again every ${reassertSeconds} s (holdfast)

[Timer]
OnActiveSec=${reassertSeconds}s
OnUnitActiveSec=${reassertSeconds}s
AccuracySec=1s

[Install]
WantedBy=timers.target
`,
  };
}

/** Shell commands that put the files of a fence in force and keep it so across reboots. */
export function enforce(owner: string): string {
  // One reload: on an emulated VM each takes a second, and `enable` makes one more.
  return `systemctl enable --quiet --no-reload ${serviceName} ${timerName} && systemctl daemon-reload && systemctl start ${timerName} && ${scriptPath} load-one ${owner}`;
}

/** Shell commands that take a fence away, and with the last one everything that fences need. */
export function abolish(owner: string): string {
  return `if [ -x ${scriptPath} ]; then ${scriptPath} unload ${owner} || exit 1; fi
rm -rf ${fencesDirectory}/${owner}
if [ -z "$(ls -A ${fencesDirectory} 2>/dev/null)" ]; then
  systemctl disable --quiet --now ${timerName} ${serviceName} 2>/dev/null || true
  rm -rf ${fencesDirectory} ${scriptPath} ${Object.keys(units()).join(" ")}
  rmdir /etc/holdfast /usr/local/lib/holdfast 2>/dev/null || true
  systemctl daemon-reload
fi`;
}

/** Shell commands that fail when the fence is not in force, by what that means. */
export function fenceChecks(owner: string): Record<string, string> {
  return {
    [`${timerName} does not run`]: `systemctl is-active --quiet ${timerName}`,
    [`${timerName} does not start at boot`]: `systemctl is-enabled --quiet ${timerName} ${serviceName}`,
    // A check that cannot be made finds nothing either.
    "the egress fence is not in force": `found=$(${scriptPath} check ${owner}) && [ -z "$found" ]`,
  };
}
