import { blueprintOptions } from "../../blueprint/options.ts";
import { command, flag } from "../../command-line/declaration.ts";

export default command({
  summary: "shows what destroying a blueprint would take away; with --execute, does it, the last step first",
  details: "A step with retain_on_destroy stays. Exit code 1: a step failed, 130: interrupted.",
  options: { ...blueprintOptions, execute: flag("destroys, instead of showing the plan") },
  forms: ["--env E --file FILE [--execute]", "--env E --ref REF [--execute]"],
  table: true,
  examples: [
    { line: "holdfast blueprint destroy --env dev --file onprem-ops-runner.yml", does: "the plan; changes nothing" },
    { line: "holdfast blueprint destroy --env dev --file onprem-ops-runner.yml --execute", does: "destroys" },
  ],
  run: async (_, options) => (await import("../../blueprint.ts")).destroyVerb(options),
});
