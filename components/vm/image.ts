/**
 * The image that a VM's root disk is laid over: downloaded once to this workstation and believed only by its digest.
 */
import * as pulumi from "@pulumi/pulumi";
import { fetchPinned, type PinnedFile, pinnedPath } from "../../lib/download.ts";
import { ProgramError } from "../../lib/program-error.ts";

/**
 * Path of the verified image. A preview names the path without downloading anything.
 * @param needed whether something is going to read it, as `preflight` found; else it is not downloaded either.
 */
export function imagePath(image: PinnedFile, needed: boolean): pulumi.Output<string> {
  return pulumi.output(
    pulumi.runtime.isDryRun() || !needed
      ? pinnedPath(image, ".qcow2")
      : fetchPinned(image, ".qcow2").catch(ProgramError.rethrow),
  );
}
