import { command, value } from "../../command-line/declaration.ts";
import { jobIds } from "../../command-line/names.ts";

export default command({
  summary: "forgets a job whose runner is gone",
  details:
    "Its stacks are free again, as they were before it; what it changed and did not bring home is not known here.",
  arguments: { job: { help: "which", complete: jobIds } },
  options: { confirm: value("JOB", "the job again", { complete: ([job]) => (job ? [job] : []) }) },
  forms: ["<job> --confirm <job>"],
  examples: [{ line: "holdfast dispatch abandon JOB --confirm JOB", does: "forgets it" }],
  run: async ({ job }, { confirm }) => (await import("../../dispatch.ts")).abandonVerb(job, confirm),
});
