import { blueprintOptions } from "../../blueprint/options.ts";
import { command, flag, value } from "../../command-line/declaration.ts";
import { blueprintRefs } from "../../command-line/names.ts";

export default command({
  summary: "copies a blueprint for an environment, to be filled in",
  details: "Does not overwrite an existing copy unless --force is given.",
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
  async run(_, options) {
    const [{ copyBlueprint }, { loadBlueprint }, { environment, printJson }] = await Promise.all([
      import("../../blueprint/file.ts"),
      import("../../blueprint/load.ts"),
      import("../../blueprint/verbs.ts"),
    ]);
    const env = environment(options);
    const { ref, "dest-name": name, "dest-dir": directory, force } = options;
    const { problems } = loadBlueprint({ ref }, env);
    const path = copyBlueprint({ env, ref, name, directory, force });
    const places = problems.flatMap(({ at, placeholder }) => (placeholder ? [at] : []));
    if (options.json) printJson({ path, placeholders: places });
    else {
      const fill = places.length > 0 ? `fill in ${places.join(", ")}; then ` : "";
      process.stdout.write(`${path}\n  next: ${fill}holdfast blueprint preflight --env ${env} --file ${path}\n`);
    }
    return 0;
  },
});
