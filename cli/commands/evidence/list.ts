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
  run: async ({ project, stack }, options) => (await import("../../evidence.ts")).listEvidence(project, stack, options),
});
