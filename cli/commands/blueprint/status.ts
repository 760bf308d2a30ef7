import { blueprintOptions } from "../../blueprint/options.ts";
import { command } from "../../command-line/declaration.ts";

export default command({
  summary: "shows each step's last run, and who is at work",
  details: "Of this workstation. Exit code 1: a step failed or was cut off.",
  options: blueprintOptions,
  forms: ["--env E --file FILE", "--env E --ref REF"],
  table: true,
  examples: [{ line: "holdfast blueprint status --env dev --file onprem-ops-runner.yml", does: "how it stands" }],
  run: async (_, options) => (await import("../../blueprint.ts")).statusVerb(options),
});
