#!/bin/sh
# Stand-in for kube-router on a host that is also a Kubernetes node: bridged frames pass iptables, and what no rule
# of its own accepts is dropped. Run again, it drops the rules of others, as kube-router's resync does.
set -e
sysctl -q -w net.bridge.bridge-nf-call-iptables=1
iptables -P FORWARD DROP
iptables -F FORWARD
