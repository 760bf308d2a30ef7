import { command } from "../../command-line/declaration.ts";
import { stackNames } from "../../command-line/names.ts";

export default command({
  summary: "looks at everything that a runner stack needs, and changes nothing",
  details: "What is missing comes with the command that mends it.",
  runbook: "doctor",
  arguments: { stack: { help: "a stack of runners", complete: stackNames("runners") } },
  table: true,
  examples: [
    { line: "holdfast doctor host crunchy", does: "what is missing, and the command for each" },
    { line: "holdfast doctor host crunchy --json", does: "the same for machines" },
  ],
  run: async ({ stack }, options) => (await import("../../doctor-host.ts")).doctorHost(stack, options),
});
