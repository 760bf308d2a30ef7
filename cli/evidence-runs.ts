/**
 * Evidence that the runs of a stack left behind, as commands look for it.
 */
import { Failure } from "../lib/failure.ts";
import { runsOf, stackDirectory } from "../provider/evidence/directory.ts";

/** Directories of all runs of a stack, the newest last. @throws Failure for a name that can be none. */
export function recordedRuns(project: string, stack: string): string[] {
  try {
    return runsOf(project, stack);
  } catch (error) {
    throw new Failure((error as Error).message, "holdfast evidence list <project> <stack>");
  }
}

/** The newest run of a stack. @throws Failure where there is none. */
export function latestRun(project: string, stack: string): string {
  const latest = recordedRuns(project, stack).at(-1);
  if (!latest) {
    throw new Failure(
      `there is no evidence of ${project}/${stack} in ${stackDirectory(project, stack)}`,
      "only what changes something leaves evidence, on the workstation that it ran on",
    );
  }
  return latest;
}
