/**
 * Has the release ready in this workstation's cache, or leaves it to the VM to fetch it, before anything is changed. What goes
 * into the toolchain's inputs is the same on every workstation: a digest, never a path.
 */
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { fetchPinned } from "../lib/download.ts";
import { ProgramError } from "../lib/program-error.ts";
import { releaseSuffix } from "../lib/release/format.ts";
import type { ReleaseSource } from "./plan.ts";

/** A release as the toolchain takes it. */
export interface ReadyRelease {
  sha256: string;
  /** Where the VM fetches it; absent: it is sent from here. */
  url?: string;
}

/** @throws what keeps the release from being had; nothing was changed then. */
export async function readyRelease(source: ReleaseSource): Promise<ReadyRelease> {
  if (source.kind === "archive") {
    const { url, sha256 } = source;
    if (!url.startsWith("file:")) return { sha256, url };
    await fetchPinned({ url, sha256 }, releaseSuffix).catch(ProgramError.rethrow);
    return { sha256 };
  }
  // Read only where something is built: an archive needs neither the bundler nor the toolchain.
  const { ensureRelease } = await import("../release/release.ts");
  const root = source.root ?? join(import.meta.dirname, "..");
  const building = () =>
    void pulumi.log.info(`building the release of ${source.root ?? "this checkout"}: half a minute`);
  const { sha256 } = await ensureRelease(root, source.tools, building).catch(ProgramError.rethrow);
  return { sha256 };
}
