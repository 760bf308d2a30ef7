#!/bin/sh
# Written by holdfast. Loads the egress fences in /etc/holdfast/egress-fence.d; called every 60 s. A table is its family and its name.
set -eu
fences=/etc/holdfast/egress-fence.d loaded=/run/holdfast/egress-fence open=/etc/holdfast/open-taps

setting() { sed -n "s/^$1 //p" "$fences/$owner/settings"; }
joined() { sort -u | paste -sd, -; }
quoted() { sed 's/.*/"&"/' | joined; }

# Networks on the machine's own cards, and its own addresses: the LAN, the hypervisor, whatever else it is plugged into.
own() { { ip -4 -o route show scope link; ip -4 -o addr show | awk '{ print $4 }'; } | awk '$1 ~ /^[0-9]/ { print $1 }' | joined; }
own_addresses() { ip -4 -o addr show | awk '{ sub("/.*", "", $4); print $4 }' | joined; }

# The VM's interfaces; `none` stands for none, because a set must not be empty.
taps() {
  echo none
  setting name
  tap=$(setting tap)
  [ -z "$tap" ] || grep -lix "$tap" /sys/class/net/*/address 2>/dev/null | cut -d/ -f5
}

# A name that cannot be looked up just now keeps the addresses that it had.
look_up() {
  sed -n 's/^\(allow\|forge\|known\) \([^ ]*\).*/\2/p' "$fences/$owner/settings" | grep '[^0-9./]' | sort -u |
    while read -r name; do
      found=$(timeout 10 getent ahostsv4 "$name" | awk '{ print $1 }' | joined) || found=
      [ -z "$found" ] || echo "$found" >"$loaded/$owner.names/$name"
    done
}
addresses() {
  case $1 in
    *[!0-9./]*) cat "$loaded/$owner.names/$1" 2>/dev/null || true ;;
    *) echo "$1" ;;
  esac
}
all_addresses() { setting "$1" | while read -r host; do addresses "$host"; done | tr , '\n' | joined; }

# A name opens no closed network unless its entry says so, and never an address of this machine.
allowed() {
  pass=$(setting pass)
  printf 'table %s {\n chain allowed {\n' "$(setting table)"
  setting allow | while read -r host protocol port scope; do
    to=$(addresses "$host")
    [ -n "$to" ] || { echo "$host cannot be looked up: closed until it can" >&2; continue; }
    # shellcheck disable=SC2016 # what rules.nft defines
    case $scope in
      internet) guard='ip daddr != $closed ' ;;
      lan) guard='ip daddr != $addresses ' ;;
      *) guard= ;;
    esac
    case $protocol:$port in
      *:any) echo "${guard}ip daddr { $to } ${pass:-accept}" ;;
      any:*) echo "${guard}ip daddr { $to } meta l4proto { tcp, udp } th dport $port ${pass:-accept}" ;;
      *) echo "${guard}ip daddr { $to } $protocol dport $port ${pass:-accept}" ;;
    esac
  done
  printf ' }\n}\n'
}

# What the table of an earlier load becomes: one of this release keeps its sets, with the connections that stand; those that
# the VM opened are tried anew when the policy has changed. One of release 0.1 has nothing to keep.
reset() {
  echo "table $table {}"
  if [ "$(setting format)" != 2 ] || nft list set "${table% *}" "${table#* }" closed >/dev/null 2>&1; then
    echo "delete table $table"
  elif ! same_sets; then
    echo "delete table $table"
  else
    echo "flush table $table"
    if nft list set "${table% *}" "${table#* }" opening >/dev/null 2>&1 && ! cmp -s "$fences/$owner/settings" "$loaded/$owner.settings"; then
      echo "flush set $table opening"
    fi
  fi
  printf 'table %s {\n chain allowed { }\n}\n' "$table"
}
# Static address or DHCP: other sets.
same_sets() {
  grep '^  set ' "$fences/$owner/rules.nft" | sort >"$loaded/$owner.sets"
  nft -t list table "${table% *}" "${table#* }" 2>/dev/null | tr '\t' ' ' | grep '^ set ' | sed 's/^/ /' | sort | cmp -s - "$loaded/$owner.sets"
}

# The timer's run, a deployment and the start of a VM may meet.
alone() {
  mkdir -p "$loaded"
  exec 9>"$loaded/$1.lock"
  flock -w 30 9 || { echo "another load of $1 has hung for 30 s" >&2; exit 1; }
}

# Taps of fenced VMs are closed before anything else: what follows may wait for a name server.
close_taps() {
  if ! grep -qs '^name ' "$fences"/*/settings; then
    nft delete table bridge holdfast_taps 2>/dev/null || true
    return 0
  fi
  nft -f - <<EOF
table bridge holdfast_taps {}
delete table bridge holdfast_taps
table bridge holdfast_taps {
  chain closed {
    type filter hook prerouting priority -301; policy accept;
    iifname "hf*" iifname != { $({ echo none; cat "$open" 2>/dev/null || true; } | quoted) } meta mark != 0x4846 counter drop
    meta mark 0x4846 meta mark set 0
  }
}
EOF
}

load() {
  alone "$owner"
  # Taken away meanwhile.
  [ -e "$fences/$owner/settings" ] || exit 0
  mkdir -p "$loaded/$owner.names"
  table=$(setting table)
  look_up
  # One transaction: there is no moment without a fence.
  {
    reset
    sed "s|@own@|$(own)|; s|@addresses@|$(own_addresses)|; s|@forge@|$(all_addresses forge)|; s|@known@|$(all_addresses known)|; s|@taps@|$(taps | quoted)|" "$fences/$owner/rules.nft"
    allowed
  } | sed 's/, *}/ }/' >"$loaded/$owner.nft"
  nft -f "$loaded/$owner.nft"
  cp "$fences/$owner/settings" "$loaded/$owner.settings"
  listing >"$loaded/$owner.listing.new"
  mv "$loaded/$owner.listing.new" "$loaded/$owner.listing"
}
listing() { table=$(setting table) && nft -s -t list table "${table% *}" "${table#* }"; }

# No table is never the right one, whatever a run that was cut off has left to compare it with.
check() {
  now=$(listing 2>/dev/null) || now=
  [ -n "$now" ] && [ "$now" = "$(cat "$loaded/$owner.listing" 2>/dev/null)" ] || echo "is not loaded, or was changed"
  [ -z "$(setting tap)" ] || taps | while read -r tap; do
    grep -qF "\"$tap\"" "$loaded/$owner.listing" 2>/dev/null || echo "does not hold $tap yet"
  done
  name=$(setting name)
  [ -z "$name" ] || nft list table bridge holdfast_taps 2>/dev/null | grep -qF '"hf*"' || echo "taps are open before their rules are loaded"
  unnamed | while read -r domain; do echo "$domain would start with a tap that is open until its rules are loaded"; done
}

# Domains of the VM, made by an earlier release, whose next tap would not have our name.
unnamed() {
  [ -n "$name" ] || return 0
  { grep -lsF "mac address='$(setting mac)'" /etc/libvirt/qemu/*.xml || true; } | while read -r file; do
    grep -qF "target dev='$name'" "$file" || basename "$file" .xml
  done
}
# A running VM keeps its tap, which is known by its address, and is not touched.
name_tap() {
  name=$(setting name) mac=$(setting mac)
  unnamed | while read -r domain; do
    timeout 20 virsh -q -c qemu:///system dumpxml --inactive --security-info "$domain" |
      sed "s|<mac address='$mac'/>|&<target dev='$name'/>|" >"$loaded/$owner.xml"
    timeout 20 virsh -q -c qemu:///system define "$loaded/$owner.xml" >/dev/null
    rm -f "$loaded/$owner.xml"
  done
}

# With its files, lest a run of the timer loads it once more; after its table, which only they name. A VM that stays is open.
unload() {
  [ -e "$fences/$owner/settings" ] || exit 0
  alone "$owner"
  name=$(setting name)
  [ -z "$name" ] || [ ! -e "/sys/class/net/$name" ] || echo "$name" >>"$open"
  table=$(setting table)
  nft delete table "${table% *}" "${table#* }" 2>/dev/null || true
  rm -rf "${fences:?}/${owner:?}"
  for part in names nft listing listing.new settings sets xml lock; do rm -rf "$loaded/$owner.$part"; done
  close_taps
}

# A VM that is fenced again is no longer one that stays open.
fence_again() {
  name=$(setting name)
  [ -n "$name" ] && [ -e "$open" ] || return 0
  { grep -vxF "$name" "$open" || true; } >"$open.new"
  mv "$open.new" "$open"
  [ -s "$open" ] || rm -f "$open"
}

case $1 in
  load) # One fence that cannot be loaded keeps no other from it.
    failed=0
    close_taps || failed=1
    for directory in "$fences"/*/; do "$0" load-one "$(basename "$directory")" || failed=1; done
    exit "$failed"
    ;;
  load-one) owner=$2; load ;;
  raise) owner=$2; fence_again; close_taps; load; name_tap ;;
  check) owner=$2; check ;;
  names) # What names were looked up as, and the machine's own networks.
    owner=$2
    echo "own $(own)"
    cd "$loaded/$owner.names"
    grep -Hs '' ./* | sed 's|^./||; s/:/ /' || true
    ;;
  unload) owner=$2; unload ;;
  *) echo "usage: egress-fence load | (raise | check | names | unload) OWNER" >&2; exit 2 ;;
esac
