import { blueprintOptions } from "../../blueprint/options.ts";
import { command } from "../../command-line/declaration.ts";

export default command({
  summary: "says whether a file is a blueprint, with nothing left to fill in",
  details: "Asks Pulumi nothing. With --ref: placeholders of one that the checkout ships are listed.",
  options: blueprintOptions,
  forms: ["--file FILE [--env E]", "--ref REF [--env E]"],
  table: true,
  examples: [
    { line: "holdfast blueprint validate --file onprem-ops-runner.yml", does: "everything that is wrong, with lines" },
    { line: "holdfast blueprint validate --ref networking/onprem-ops-runner@v1", does: "what a copy has to fill in" },
  ],
  run: async (_, options) => (await import("../../blueprint.ts")).validateBlueprint(options),
});
