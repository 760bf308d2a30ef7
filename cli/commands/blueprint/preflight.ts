import { blueprintOptions } from "../../blueprint/options.ts";
import { command } from "../../command-line/declaration.ts";

export default command({
  summary: "looks at everything about a blueprint that can be looked at without a change",
  details:
    "Secrets, configuration, what the projects' own preflights look at, and a preview of each step. What needs a step that was not deployed yet is deferred.",
  options: blueprintOptions,
  forms: ["--env E --file FILE", "--env E --ref REF"],
  table: true,
  examples: [
    {
      line: "holdfast blueprint preflight --env dev --file onprem-ops-runner.yml",
      does: "each step: ready, deferred or blocked",
    },
  ],
  run: async (_, options) => (await import("../../blueprint.ts")).preflightVerb(options),
});
