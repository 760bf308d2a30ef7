import { blueprintOptions } from "../../blueprint/options.ts";
import { command } from "../../command-line/declaration.ts";

export default command({
  summary: "shows each step's last run, and who is at work",
  details: "Of this workstation. Exit code 1: a step failed or was cut off.",
  options: blueprintOptions,
  forms: ["--env E --file FILE", "--env E --ref REF"],
  table: true,
  examples: [{ line: "holdfast blueprint status --env dev --file onprem-ops-runner.yml", does: "how it stands" }],
  async run(_, options) {
    const [{ loadBlueprint }, { statusOfBlueprint, statusText }, { environment, printJson }] = await Promise.all([
      import("../../blueprint/load.ts"),
      import("../../blueprint/status.ts"),
      import("../../blueprint/verbs.ts"),
    ]);
    const env = environment(options);
    const status = statusOfBlueprint(loadBlueprint(options, env).plan);
    if (options.json) printJson(status);
    else process.stdout.write(statusText(status));
    return status.steps.some(({ status }) => status === "error" || status === "interrupted") ? 1 : 0;
  },
});
