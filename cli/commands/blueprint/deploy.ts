import { blueprintOptions } from "../../blueprint/options.ts";
import { command, flag } from "../../command-line/declaration.ts";

export default command({
  summary: "shows the plan of a blueprint; with --execute, runs its steps one after another",
  details: "Goes on from where it stopped. Exit code 1: a step failed, 130: interrupted.",
  runbook: "blueprints",
  options: { ...blueprintOptions, execute: flag("runs the steps, instead of showing the plan") },
  forms: ["--env E --file FILE [--execute]", "--env E --ref REF [--execute]"],
  table: true,
  examples: [
    { line: "holdfast blueprint deploy --env dev --file onprem-ops-runner.yml", does: "the plan; changes nothing" },
    { line: "holdfast blueprint deploy --env dev --file onprem-ops-runner.yml --execute", does: "runs it" },
  ],
  run: async (_, options) => (await import("../../blueprint.ts")).deployVerb(options),
});
