import { command } from "../../command-line/declaration.ts";
import { jobIds } from "../../command-line/names.ts";

export default command({
  summary: "ends a job in order, as Ctrl-C does; the second time at once",
  arguments: { job: { help: "which", complete: jobIds } },
  examples: [{ line: "holdfast dispatch cancel JOB", does: "tells it to end; holdfast dispatch attach JOB follows" }],
  run: async ({ job }) => (await import("../../dispatch.ts")).cancelVerb(job),
});
