/**
 * Network namespaces, named as `ip netns` names them, so that a person can look around with `ip netns exec`.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { execa } from "execa";
import { Failure } from "../lib/failure.ts";
import type { Layout } from "./layout.ts";

/** Whether the namespace exists by name. */
export function namespaceExists(name: string): boolean {
  return existsSync(`/run/netns/${name}`);
}

/** All namespaces of a site that exist. The site `a` does not have those of a site `a-b`, which has a directory of its own. */
export function namespacesOf(layout: Layout): string[] {
  if (!existsSync("/run/netns")) return [];
  return readdirSync("/run/netns").filter((name) => name === layout.namespaceOf(name.split("-").at(-1) ?? ""));
}

/** Makes a namespace with its loopback up. Whatever had the name before is removed. */
export async function makeNamespace(name: string): Promise<void> {
  await removeNamespace(name);
  await ip([`netns add ${name}`]);
  await ip(["link set lo up"], name);
}

/** Removes a namespace and its resolver file. Its interfaces go with it once no process is left in it. */
export async function removeNamespace(name: string): Promise<void> {
  if (namespaceExists(name)) await ip([`netns delete ${name}`]);
  rmSync(`/etc/netns/${name}`, { recursive: true, force: true });
}

/** Makes `ip netns exec` show its own /etc/resolv.conf inside the namespace. */
export function setResolver(name: string, address: string): void {
  mkdirSync(`/etc/netns/${name}`, { recursive: true });
  writeFileSync(`/etc/netns/${name}/resolv.conf`, `nameserver ${address}\nsearch lab\n`);
}

/** Runs `ip` commands in one process, in a namespace or, without one, in the machine's own. */
export async function ip(commands: string[], namespace?: string): Promise<void> {
  const args = [...(namespace ? ["-n", namespace] : []), "-batch", "-"];
  const result = await execa("ip", args, { input: `${commands.join("\n")}\n`, reject: false });
  if (result.exitCode !== 0)
    throw new Failure(
      `ip ${namespace ?? ""} failed on one of: ${commands.join("; ")}: ${result.stderr}`,
      "ip netns list",
    );
}

/** The arguments of `ip` that run a command in a namespace, with its resolver. Only absolute paths are safe there. */
export function netnsExec(namespace: string, command: string, args: readonly string[]): string[] {
  return ["netns", "exec", namespace, command, ...args];
}

/** Whether the interface exists in the namespace. */
export async function hasInterface(namespace: string, name: string): Promise<boolean> {
  const { exitCode } = await execa("ip", ["-n", namespace, "link", "show", "dev", name], { reject: false });
  return exitCode === 0;
}
