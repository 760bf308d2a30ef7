import { Failure } from "../../../lib/failure.ts";
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
  async run({ directory: first, stack }, { latest, json }) {
    if (latest && stack === undefined)
      throw new UsageFailure("with --latest `holdfast evidence verify` needs <project> and <stack>");
    if (!latest && stack !== undefined)
      throw new UsageFailure("without --latest `holdfast evidence verify` takes one directory");
    const [{ differences }, { latestRun }] = await Promise.all([
      import("../../../provider/evidence/verify.ts"),
      import("../../evidence-runs.ts"),
    ]);
    const directory = stack === undefined ? first : latestRun(first, stack);
    const found = differencesIn(directory, differences);
    if (json) process.stdout.write(`${JSON.stringify({ directory, differences: found }, null, 2)}\n`);
    else if (found.length === 0) process.stdout.write(`✓ ${directory} is as it was written\n`);
    else {
      const lines = found.map((line) => `  - ${line}\n`).join("");
      process.stdout.write(`✗ ${directory} differs from what was written:\n${lines}`);
    }
    return found.length === 0 ? 0 : 1;
  },
});

/** @throws Failure where there is nothing that could be looked at. */
function differencesIn(directory: string, differences: (directory: string) => string[]): string[] {
  try {
    return differences(directory);
  } catch (error) {
    throw new Failure(
      `${directory} cannot be read: ${(error as Error).message}`,
      "holdfast evidence list <project> <stack>",
    );
  }
}
