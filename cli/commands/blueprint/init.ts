import { blueprintOptions } from "../../blueprint/options.ts";
import { command, flag, value } from "../../command-line/declaration.ts";
import { blueprintRefs } from "../../command-line/names.ts";

export default command({
  summary: "copies a blueprint for an environment, to be filled in",
  details: "Never over a copy that is there already, without --force.",
  options: {
    env: blueprintOptions.env,
    ref: value("REF", "which, for example networking/onprem-ops-runner@v1", {
      required: true,
      complete: blueprintRefs,
    }),
    "dest-name": value("NAME", "name of the copy; default: made of REF"),
    "dest-dir": value("DIRECTORY", "default: ~/.hybridops/envs/<env>/config/blueprints", { complete: "directory" }),
    force: flag("replaces a copy that is there"),
  },
  forms: ["--env E --ref REF [--dest-name NAME] [--dest-dir DIRECTORY] [--force]"],
  table: true,
  examples: [
    {
      line: "holdfast blueprint init --env dev --ref networking/onprem-ops-runner@v1 --dest-name onprem-ops-runner.yml",
      does: "copies it, and says what is to be filled in",
    },
  ],
  run: async (_, options) => (await import("../../blueprint.ts")).initBlueprint(options),
});
