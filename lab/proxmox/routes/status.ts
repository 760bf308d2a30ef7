/**
 * A VM that runs: its status, power, and guest agent.
 */
import type { FastifyInstance } from "fastify";
import { failed } from "../api-error.ts";
import type { Cluster } from "../cluster.ts";
import * as machines from "../machines.ts";
import { parseNet } from "../nets.ts";
import { requirePrivilege } from "../permissions.ts";
import { parseProperties } from "../property-string.ts";
import type { SimulatedVm } from "../state.ts";
import { type Call, route, vmId } from "./route.ts";

export function statusRoutes(api: FastifyInstance, cluster: Cluster): void {
  const { state } = cluster;
  const base = "/nodes/:node/qemu/:vmid";

  route(api, "GET", `${base}/status/current`, (call) => {
    const vm = vmOf(call, "VM.Audit");
    return {
      ...{ vmid: vm.vmid, status: vm.status, qmpstatus: vm.status, name: vm.config.name, tags: vm.config.tags },
      ...{ cpus: Number(vm.config.cores ?? 1) * Number(vm.config.sockets ?? 1), agent: agentEnabled(vm) ? 1 : 0 },
      ...{ maxmem: Number(vm.config.memory ?? 512) * 1024 ** 2, ...(machines.isTemplate(vm) ? { template: 1 } : {}) },
      uptime: vm.startedAt === undefined ? 0 : Math.ceil((Date.now() - vm.startedAt) / 1000),
      ...(vm.pid === undefined ? {} : { pid: vm.pid }),
      ...(vm.lock === undefined ? {} : { lock: vm.lock }),
    };
  });

  const power = (name: string, act: (user: string, vm: SimulatedVm) => string) =>
    route(api, "POST", `${base}/status/${name}`, (call) => act(call.caller.name, vmOf(call, "VM.PowerMgmt")));
  power("start", (user, vm) => machines.start(cluster, user, vm));
  power("stop", (user, vm) => machines.stop(cluster, user, vm, "qmstop"));
  power("shutdown", (user, vm) => machines.stop(cluster, user, vm, "qmshutdown"));
  power("reboot", (user, vm) => machines.reboot(cluster, user, vm));

  route(api, "POST", `${base}/agent/ping`, (call) => {
    requireAgent(vmOf(call, "VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted"));
    return { result: {} };
  });

  route(api, "GET", `${base}/agent/network-get-interfaces`, (call) => {
    const vm = vmOf(call, "VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted");
    requireAgent(vm);
    return {
      result: [loopback, ...Object.entries(vm.addresses).map(([key, list]) => networkInterface(vm, key, list))],
    };
  });

  function requireAgent(vm: SimulatedVm): void {
    if (vm.status !== "running") throw failed(`VM ${vm.vmid} is not running`);
    if (!agentEnabled(vm)) throw failed("No QEMU guest agent configured");
    const up = Date.now() - (vm.startedAt ?? 0) >= cluster.agentMs;
    if (!up || cluster.faults.isAgentSilent(vm.vmid)) throw failed("QEMU guest agent is not running");
  }

  function vmOf({ caller, params: { node = "", vmid = "" } }: Call, ...anyOf: string[]): SimulatedVm {
    state.requireNode(node);
    requirePrivilege(caller, `/vms/${vmid}`, ...anyOf);
    return state.requireVm(node, vmId(vmid));
  }
}

function agentEnabled({ config }: SimulatedVm): boolean {
  return ["1", "on"].includes(parseProperties(String(config.agent ?? "0"), "enabled").get("enabled") ?? "0");
}

const loopback = {
  name: "lo",
  "hardware-address": "00:00:00:00:00:00",
  "ip-addresses": [
    { "ip-address": "127.0.0.1", "ip-address-type": "ipv4", prefix: 8 },
    { "ip-address": "::1", "ip-address-type": "ipv6", prefix: 128 },
  ],
};

function networkInterface(vm: SimulatedVm, key: string, addresses: readonly string[]) {
  const net = parseNet(String(vm.config[key]));
  return {
    name: `eth${key.slice(3)}`,
    "hardware-address": "error" in net ? "" : net.mac.toLowerCase(),
    "ip-addresses": addresses.map((address) => {
      const [ip = "", prefix] = address.split("/");
      return { "ip-address": ip, "ip-address-type": ip.includes(":") ? "ipv6" : "ipv4", prefix: Number(prefix) };
    }),
  };
}
