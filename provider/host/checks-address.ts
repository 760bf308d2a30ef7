/**
 * Whether a static address can be the VM's: inside the network that the host sees on the bridge, not the host's own, and
 * not answered for by anybody else. Pure.
 */

import { contains } from "../../lib/network/ipv4.ts";
import type { Check } from "../../lib/preflight/check.ts";
import type { HostVm } from "../../resources/host/preflight.ts";
import type { Answers } from "./host-probe.ts";

/** Nothing with DHCP: there is no address to look at. */
export function addressChecks(vm: HostVm, answers: Answers): Check[] {
  if (!vm.cidr) return [];
  const address = vm.cidr.split("/")[0] ?? "";
  return [networkCheck(address, vm, answers), freeCheck(address, vm, answers)];
}

function networkCheck(address: string, { bridge, fixes }: HostVm, answers: Answers): Check {
  const what = `${address} lies in the network of ${bridge}`;
  const answer = answers[`bridge addresses ${bridge}`];
  const networks = cidrs(answer?.stdout);
  if (!answer || networks.length === 0) {
    return {
      what,
      status: "skipped",
      found: `not looked at: the host has no IPv4 address on ${bridge} to compare with`,
    };
  }
  if (networks.some((network) => contains(network, address))) return { what, status: "ok", found: networks.join(", ") };
  return {
    what,
    status: "failed",
    found: `${address} is outside ${networks.join(", ")}, the network of ${bridge}`,
    fix: fixes.address,
  };
}

function freeCheck(address: string, { bridge, fixes }: HostVm, answers: Answers): Check {
  const fix = fixes.address;
  const what = `${address} is free or our VM's`;
  const own = cidrs(answers["own addresses"]?.stdout).some((cidr) => cidr.split("/")[0] === address);
  if (own) return { what, status: "failed", found: `${address} is the host's own address`, fix };
  const seen = answers[`neighbour ${address}`];
  if (!seen || seen.code === 3) {
    return { what, status: "skipped", found: `not looked at: the host cannot ask on ${bridge} who has it` };
  }
  const nic = /lladdr ([0-9a-f:]{17})/.exec(seen.stdout)?.[1];
  const answered = nic !== undefined && !seen.stdout.includes("FAILED");
  if (answered && answers["our cards"]?.stdout.includes(`'${nic}'`))
    return { what, status: "ok", found: "our VM has it" };
  if (/REACHABLE|PERMANENT|answers/.test(seen.stdout)) {
    return {
      what,
      status: "failed",
      found: `${address} is taken: ${nic ?? "somebody"} answers for it on the LAN`,
      fix,
    };
  }
  if (answered || seen.stdout === "") {
    return { what, status: "skipped", found: `not known: whether somebody has ${address} could not be told in time` };
  }
  return { what, status: "ok", found: "nobody answers for it" };
}

/** Addresses with prefix length in the output of `ip -4 -o addr show`. */
function cidrs(output = ""): string[] {
  return [...output.matchAll(/ inet ([\d.]+\/\d+) /g)].map(([, cidr]) => cidr ?? "");
}
