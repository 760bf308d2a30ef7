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
  async run(_, options) {
    const [{ interruptible, printJson, sound }, { preflightBlueprint }, { exitCode, printTable }, { Pulumi }] =
      await Promise.all([
        import("../../blueprint/verbs.ts"),
        import("../../blueprint/preflight.ts"),
        import("../../check-table.ts"),
        import("../../pulumi.ts"),
      ]);
    const { loaded } = sound(options);
    const pulumi = await Pulumi.open();
    const report = await interruptible((interrupt) => preflightBlueprint(pulumi, loaded, interrupt));
    if (options.json) printJson({ ref: loaded.plan.ref, env: loaded.plan.env, ...report });
    else {
      printTable(`${loaded.plan.ref} in ${loaded.plan.env}`, report.checks);
      for (const { id, project, stack, status, checks } of report.steps) {
        process.stdout.write("\n");
        printTable(`${id} (${project}/${stack}): ${status}`, checks);
      }
    }
    return exitCode([...report.checks, ...report.steps.flatMap(({ checks }) => checks)]);
  },
});
