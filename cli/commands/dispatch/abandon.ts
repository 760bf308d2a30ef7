import { Failure } from "../../../lib/failure.ts";
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
  async run({ job: id }, { confirm }) {
    const [{ abandon }, { openJob }] = await Promise.all([
      import("../../dispatch/follow.ts"),
      import("../../dispatch/job.ts"),
    ]);
    const job = openJob(id);
    if (confirm !== id) {
      throw new Failure(
        `what job ${id} changed and did not bring home would be unknown here; nothing was changed`,
        `holdfast dispatch attach ${id} brings it home; where ${job.vm} is gone for good: --confirm ${id}`,
      );
    }
    const evidence = await abandon(id);
    const stacks = job.steps.map(({ project, stack }) => `${project}/${stack}`).join(", ");
    process.stderr.write(
      `· job ${id} is forgotten; its secrets and files may still be on ${job.vm}\n  next: pulumi refresh of ${stacks}\nevidence: ${evidence}\n`,
    );
    return 0;
  },
});
