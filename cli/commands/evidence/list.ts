import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Run, Step } from "../../../provider/evidence/recorder.ts";
import { command } from "../../command-line/declaration.ts";
import { evidenceProject, evidenceStack } from "../../command-line/names.ts";

export default command({
  summary: "lists what changed something of a stack, and how it ended, the newest last",
  details: "Exit code 1: evidence of a run is not as it was written.",
  runbook: "evidence",
  arguments: {
    project: { help: "a project, or blueprint", complete: evidenceProject },
    stack: { help: "a stack of it", complete: evidenceStack },
  },
  table: true,
  examples: [{ line: "holdfast evidence list runners crunchy", does: "every run, with its steps" }],
  async run({ project, stack }, { json }) {
    const [{ stackDirectory }, { differences }, { recordedRuns }] = await Promise.all([
      import("../../../provider/evidence/directory.ts"),
      import("../../../provider/evidence/verify.ts"),
      import("../../evidence-runs.ts"),
    ]);
    const runs = recordedRuns(project, stack).map((directory) => {
      const steps = stepsOf(directory);
      return { directory, intact: differences(directory).length === 0, steps: steps ? countOf(steps) : {} };
    });
    if (json) process.stdout.write(`${JSON.stringify({ project, stack, runs }, null, 2)}\n`);
    else {
      const lines = runs.map(({ directory, intact, steps }) => {
        const counts = Object.entries(steps).map(([outcome, count]) => `${count} ${outcome}`);
        return `${basename(directory)}  ${intact ? "intact" : "DIFFERS"}  ${counts.join(", ") || "not readable"}\n`;
      });
      process.stdout.write(`${stackDirectory(project, stack)}\n\n${lines.join("")}`);
    }
    return runs.every(({ intact }) => intact) ? 0 : 1;
  },
});

function stepsOf(directory: string): Step[] | undefined {
  const file = join(directory, "run.json");
  if (!existsSync(file)) return undefined;
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as Run).steps;
  } catch {
    return undefined;
  }
}

/** How many steps ended how. One without an end was going on when the process was killed. */
function countOf(steps: readonly Step[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome = "not finished" } of steps) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
