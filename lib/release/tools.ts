/**
 * The plugins that a release may hold beside the engine.
 */
import { Failure } from "../failure.ts";

/** All of them. */
export const releaseTools = ["proxmoxve", "libvirt"] as const;

/** A plugin of a release. */
export type ReleaseTool = (typeof releaseTools)[number];

/** @throws Failure naming what a release cannot hold. */
export function toolsOf(names: readonly string[]): ReleaseTool[] {
  const unknown = names.filter((name) => !(releaseTools as readonly string[]).includes(name));
  if (unknown.length > 0) {
    throw new Failure(`a release holds no ${unknown.join(", ")}`, `--tool ${releaseTools.join(" | --tool ")}`);
  }
  return releaseTools.filter((name) => names.includes(name));
}
