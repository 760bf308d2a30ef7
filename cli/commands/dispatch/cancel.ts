import { command } from "../../command-line/declaration.ts";
import { jobIds } from "../../command-line/names.ts";

export default command({
  summary: "ends a job in order, as Ctrl-C does; the second time at once",
  arguments: { job: { help: "which", complete: jobIds } },
  examples: [{ line: "holdfast dispatch cancel JOB", does: "tells it to end; holdfast dispatch attach JOB follows" }],
  async run({ job: id }) {
    const [{ openJob }, { atOpsRunner, readRunner }, { Pulumi }] = await Promise.all([
      import("../../dispatch/job.ts"),
      import("../../dispatch/runner.ts"),
      import("../../pulumi.ts"),
    ]);
    const job = openJob(id);
    const contract = await readRunner(await Pulumi.open(), job.runner, job.env);
    await atOpsRunner(contract, 0, (opsRunner) => opsRunner.interrupt(job));
    process.stderr.write(`· job ${job.id} was told to end\n  next: holdfast dispatch attach ${job.id}\n`);
    return 0;
  },
});
