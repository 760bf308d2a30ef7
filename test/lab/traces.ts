/**
 * Everything of a lab site that can be seen on the machine. For tests of what is left of one.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cgroupPath } from "../../lab/cgroups.ts";
import { layoutOf } from "../../lab/layout.ts";
import { identify } from "../../lab/processes.ts";

/** Everything of a site that can be seen on the machine, in words. Empty when nothing is left. */
export function traces(name: string): string[] {
  const layout = layoutOf(name);
  const prefix = `hf-${name}-`;
  const list = (directory: string) => (existsSync(directory) ? readdirSync(directory) : []);
  const text = (file: string) => {
    try {
      return readFileSync(file, "utf8");
    } catch {
      return "";
    }
  };
  const processes = list("/proc").filter((pid) => {
    const commandLine = text(`/proc/${pid}/cmdline`);
    const inCgroup = text(`/proc/${pid}/cgroup`).includes(`/holdfast-${name}/`);
    return (
      /^\d+$/.test(pid) &&
      identify(Number(pid)) !== undefined &&
      (inCgroup || commandLine.includes(`${layout.directory}/`) || commandLine.includes(prefix))
    );
  });
  return [
    ...list("/run/netns")
      .filter((ns) => ns.startsWith(prefix))
      .map((ns) => `namespace ${ns}`),
    ...list("/etc/netns")
      .filter((ns) => ns.startsWith(prefix))
      .map((ns) => `resolver of ${ns}`),
    ...text("/proc/mounts")
      .split("\n")
      .filter((line) => line.includes(`${layout.directory}/`))
      .map((line) => `mount ${line}`),
    ...processes.map((pid) => `process ${pid} ${text(`/proc/${pid}/cmdline`).replaceAll("\0", " ")}`),
    ...[cgroupPath(name), layout.directory, `${layout.directory}.lock`].filter((path) => existsSync(path)),
  ];
}
