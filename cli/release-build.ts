/**
 * `holdfast release build`: makes the release archive of this checkout, which an operations runner installs without internet.
 */
import { copyFileSync, renameSync } from "node:fs";
import { resolve } from "node:path";
import { Failure } from "../lib/failure.ts";
import { step } from "../lib/progress.ts";
import { type ReleaseTool, releaseTools } from "../lib/release/tools.ts";
import { ensureRelease } from "../release/release.ts";
import { checkout } from "./pulumi.ts";

/** What the command is told. */
export interface ReleaseOptions {
  /** Where the archive goes; default: it stays in the cache. */
  file?: string | undefined;
  /** Plugins beside the engine; default: those for pools on Proxmox VE. */
  tool?: string[] | undefined;
  json: boolean;
}

/** Builds, unless the cache has it, and says path, size and digest. Exit code 0. */
export async function releaseBuild({ file, tool, json }: ReleaseOptions): Promise<number> {
  const release = await step("Release of this checkout", async (report) => {
    const made = await ensureRelease(checkout, toolsOf(tool ?? ["proxmoxve"]));
    report.detail(made.built ? "built" : "there already");
    return made;
  });
  const path = file === undefined ? release.file : resolve(file);
  if (file !== undefined) {
    // Whole or not at all.
    copyFileSync(release.file, `${path}.partial`);
    renameSync(`${path}.partial`, path);
  }
  const { sha256, size } = release;
  if (json) process.stdout.write(`${JSON.stringify({ path, size, sha256: `sha256:${sha256}` }, null, 2)}\n`);
  else process.stdout.write(`${path}\n${(size / 1e6).toFixed(1)} MB\nsha256:${sha256}\n`);
  return 0;
}

/** @throws Failure naming what a release cannot hold. */
export function toolsOf(names: readonly string[]): ReleaseTool[] {
  const unknown = names.filter((name) => !(releaseTools as readonly string[]).includes(name));
  if (unknown.length > 0) {
    throw new Failure(`a release holds no ${unknown.join(", ")}`, `--tool ${releaseTools.join(" | --tool ")}`);
  }
  return releaseTools.filter((name) => names.includes(name));
}
