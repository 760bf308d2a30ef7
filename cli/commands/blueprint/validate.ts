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
  async run(_, options) {
    const [{ environmentVariable }, { loadBlueprint, refuse }, { environment, printJson }] = await Promise.all([
      import("../../blueprint/environment.ts"),
      import("../../blueprint/load.ts"),
      import("../../blueprint/verbs.ts"),
    ]);
    const { ref, file } = options;
    const given = options.env !== undefined || (process.env[environmentVariable] ?? "") !== "";
    // Without an environment a stand-in is used.
    const loaded = loadBlueprint({ ref, file }, given ? environment(options) : "env");
    const open = file === undefined ? loaded.problems.filter(({ placeholder }) => placeholder) : [];
    refuse(
      loaded,
      loaded.problems.filter((problem) => !open.includes(problem)),
    );
    const { plan } = loaded;
    const steps = plan.steps.map(({ id, project, stack }) => ({ id, project, stack }));
    if (options.json)
      printJson({ ref: plan.ref, file: loaded.file.path, steps, placeholders: open.map(({ at }) => at) });
    else {
      const lines = open.map(({ at }) => `\n  ${loaded.file.where(at)} waits to be filled in`).join("");
      const names = steps.map(({ id, project, stack }) => `\n  ${id}  ${project}/${stack}`).join("");
      process.stdout.write(`✓ ${plan.ref} can be used (${loaded.file.path})${names}${lines}\n`);
    }
    return 0;
  },
});
