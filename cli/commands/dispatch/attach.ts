import { command } from "../../command-line/declaration.ts";
import { jobIds } from "../../command-line/names.ts";

export default command({
  summary: "goes on with a job where its dispatch was cut off",
  details: "The exit code is the job's own.",
  arguments: { job: { help: "which; default: the one that there is", optional: true, complete: jobIds } },
  examples: [{ line: "holdfast dispatch attach", does: "shows what it says, and brings home what came of it" }],
  async run({ job: id }) {
    const [{ environmentVariable }, { openJob }, { readRunner }, { interruptible, showJob }, { Pulumi }] =
      await Promise.all([
        import("../../blueprint/environment.ts"),
        import("../../dispatch/job.ts"),
        import("../../dispatch/runner.ts"),
        import("../../dispatch/show.ts"),
        import("../../pulumi.ts"),
      ]);
    const job = openJob(id);
    process.env[environmentVariable] = job.env;
    const contract = await readRunner(await Pulumi.open(), job.runner, job.env);
    return interruptible((interrupt) => showJob(job, contract, interrupt));
  },
});
