import { command } from "../../command-line/declaration.ts";
import type { Job } from "../../dispatch/job.ts";

const phases: Readonly<Record<Job["phase"], string>> = {
  prepared: "did not begin; there may be something left of it there",
  sent: "is at work, or ended there",
  ended: "ended; what came of it is not here yet",
  merged: "what came of it is here; there may be something left of it there",
};

export default command({
  summary: "lists the jobs of this workstation that are not over",
  table: true,
  examples: [{ line: "holdfast dispatch status", does: "each with its runner, its age and what it is at" }],
  async run(_, { json }) {
    const [{ ageOf }, { isBeingSent, openJobs }] = await Promise.all([
      import("../../blueprint/lock.ts"),
      import("../../dispatch/job.ts"),
    ]);
    const jobs = openJobs();
    if (json) {
      const shown = jobs.map(({ steps: _steps, ...job }) => job);
      process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
      return 0;
    }
    const lines = jobs.map((job) => {
      const state = isBeingSent(job) ? "is being sent" : phases[job.phase];
      return `${job.id}  ${job.verb} of ${job.ref} in ${job.env} on ${job.vm}, ${ageOf(job.began)}: ${state}\n`;
    });
    process.stdout.write(lines.length > 0 ? lines.join("") : "no job of this workstation is open\n");
    return 0;
  },
});
