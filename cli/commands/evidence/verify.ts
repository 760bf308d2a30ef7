import { command, flag } from "../../command-line/declaration.ts";
import { evidenceStack } from "../../command-line/names.ts";
import { UsageFailure } from "../../command-line/usage-failure.ts";

export default command({
  summary: "says whether the evidence of a run is as it was written",
  details: "Exit code 1: something differs; each line says what. 2: there is nothing to look at.",
  arguments: {
    directory: { help: "a run's directory; with --latest the project", complete: "directory" },
    stack: { help: "with --latest the stack", optional: true, complete: evidenceStack },
  },
  options: { latest: flag("the newest run of a stack") },
  forms: ["<directory>", "--latest <project> <stack>"],
  table: true,
  examples: [
    { line: "holdfast evidence verify --latest runners crunchy", does: "the newest run of a stack" },
    { line: "holdfast evidence verify ~/.local/state/holdfast/evidence/runners/crunchy/RUN", does: "one run" },
  ],
  async run({ directory, stack }, { latest, json }) {
    if (latest && stack === undefined)
      throw new UsageFailure("with --latest `holdfast evidence verify` needs <project> and <stack>");
    if (!latest && stack !== undefined)
      throw new UsageFailure("without --latest `holdfast evidence verify` takes one directory");
    const { latestRun, verifyEvidence } = await import("../../evidence.ts");
    return verifyEvidence(stack === undefined ? directory : latestRun(directory, stack), { json });
  },
});
