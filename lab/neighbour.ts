/**
 * A machine without a VM: a network namespace plugged into a bridge of a host, as libvirt plugs in a VM. For tests of what
 * the bridge lets through, which need no guest that boots.
 */
import { execa } from "execa";
import { type CommandOptions, type CommandResult, runCommand } from "./command.ts";
import { type HostName, layoutOf, network } from "./layout.ts";
import { ip, makeNamespace, netnsExec, setResolver } from "./namespaces.ts";

/** A machine on a bridge. */
export interface Neighbour {
  /** Runs a command in its network. */
  run(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Whether a TCP connection to `host:port` is accepted within two seconds. */
  reaches(host: string, port: number): Promise<boolean>;
}

/**
 * Plugs a machine into a bridge, which is made where it does not exist.
 * @param machine its MAC address: the tap's is the same with `fe` in front, as libvirt has it. Its tap: default `vnet-NAME`.
 */
export async function plugNeighbour(
  site: string,
  host: HostName,
  machine: { name: string; bridge: string; address: string; mac: string; tap?: string },
): Promise<Neighbour> {
  const layout = layoutOf(site);
  const [hostNetns, own] = [layout.netns(host), layout.namespaceOf(machine.name)];
  const tap = machine.tap ?? `vnet-${machine.name}`;
  await makeNamespace(own);
  const bridge = await execa("ip", ["-n", hostNetns, "link", "show", "dev", machine.bridge], { reject: false });
  await ip(
    [
      ...(bridge.exitCode === 0 ? [] : [`link add ${machine.bridge} type bridge stp_state 0 forward_delay 0`]),
      `link set ${machine.bridge} up`,
      `link add ${tap} address ${machine.mac.replace(/^../, "fe")} type veth peer name eth0 address ${machine.mac} netns ${own}`,
      `link set ${tap} master ${machine.bridge}`,
      `link set ${tap} up`,
    ],
    hostNetns,
  );
  await ip(
    ["link set eth0 up", `addr add ${machine.address}/24 dev eth0`, `route add default via ${network.gateway}`],
    own,
  );
  setResolver(own, network.gateway);
  const run = (command: string, args: readonly string[], options: CommandOptions = {}) => {
    const [first = "", ...rest] = netnsExec(own, command, args);
    return runCommand(machine.name, ["ip", first, ...rest], [command, ...args], { timeoutMs: 20_000, ...options });
  };
  return {
    run,
    reaches: async (address, port) =>
      (await run("timeout", ["2", "bash", "-c", `</dev/tcp/${address}/${port}`], { check: false })).exitCode === 0,
  };
}
