#!/bin/sh
# Who answers for an address on the LAN; exit code 3: this host cannot ask. usage: neighbour.sh ADDRESS BRIDGE OUR_MAC
#
# ARP questions that a datagram provokes, where no ping is installed. The kernel asks once a second; two questions that nobody
# answers are enough, on a LAN that answers within milliseconds: `ping` waits for the first of them, without it there are more
# looks. What it remembers of earlier is not believed until it has asked again, unless it is our own VM's card.
address=$1 bridge=$2 mac=$3
ip -4 route get "$address" | grep -v ' via ' | grep -qF " dev $bridge " || exit 3
if command -v ping >/dev/null; then
  looks=4
  ping -c 1 -W 1 "$address" >/dev/null && echo answers
elif command -v bash >/dev/null; then
  looks=7
  timeout 1 bash -c "echo > /dev/udp/$address/9"
else
  exit 3
fi
for look in $(seq 30); do
  seen=$(ip -4 neigh show to "$address" dev "$bridge")
  case $seen in
    *REACHABLE* | *PERMANENT* | *FAILED* | *"$mac"*) break ;;
    *INCOMPLETE*) [ "$look" -lt "$looks" ] || break ;;
    *) ;;
  esac
  sleep 0.3
done
echo "$seen"
