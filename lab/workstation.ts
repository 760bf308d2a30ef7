/**
 * The operator's workstation: where `pulumi` runs. A namespace of its own on the machine's file system, so that nothing
 * that runs there can reach more than the site.
 */
import { cgroupPath, isPopulated, makeCgroup, removeCgroup } from "./cgroups.ts";
import { type CommandOptions, type CommandResult, runCommand } from "./command.ts";
import { plugIn } from "./lan.ts";
import { type Layout, network } from "./layout.ts";
import { netnsExec } from "./namespaces.ts";
import { insideCgroup } from "./processes.ts";

/** Plugs the workstation in anew. What still ran in the old one is ended. */
export async function makeWorkstation(layout: Layout): Promise<void> {
  if (isPopulated(cgroupPath(layout.name, "ws"))) await removeCgroup(cgroupPath(layout.name, "ws"));
  await plugIn(layout, "ws", network.workstation);
}

/**
 * Runs a command on the workstation: in its network, with its resolver, in its cgroup, so that it ends with the site.
 * Use absolute paths: `ip netns exec` mounts /sys and /etc/resolv.conf anew, in a mount namespace of the command's own.
 */
export async function runOnWorkstation(
  layout: Layout,
  command: string,
  args: readonly string[] = [],
  options?: CommandOptions,
): Promise<CommandResult> {
  const inNamespace = netnsExec(layout.netns("ws"), command, args);
  const [shell, shellArgs] = insideCgroup(makeCgroup(layout.name, "ws"), "ip", inNamespace);
  return runCommand("the workstation", [shell, ...shellArgs], [command, ...args], options);
}
