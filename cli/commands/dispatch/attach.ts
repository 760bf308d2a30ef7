import { command } from "../../command-line/declaration.ts";
import { jobIds } from "../../command-line/names.ts";

export default command({
  summary: "goes on with a job where its dispatch was cut off",
  details: "The exit code is the job's own.",
  arguments: { job: { help: "which; default: the one that there is", optional: true, complete: jobIds } },
  examples: [{ line: "holdfast dispatch attach", does: "shows what it says, and brings home what came of it" }],
  run: async ({ job }) => (await import("../../dispatch.ts")).attachVerb(job),
});
