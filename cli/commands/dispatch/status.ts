import { command } from "../../command-line/declaration.ts";

export default command({
  summary: "lists the jobs of this workstation that are not over",
  table: true,
  examples: [{ line: "holdfast dispatch status", does: "each with its runner, its age and what it is at" }],
  run: async (_, { json }) => (await import("../../dispatch.ts")).statusOfJobs(json),
});
