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
  async run(_, options) {
    const [{ destroy, planDestroy }, { execute, printJson, sound }, { Pulumi }] = await Promise.all([
      import("../../blueprint/destroy.ts"),
      import("../../blueprint/verbs.ts"),
      import("../../pulumi.ts"),
    ]);
    const { loaded, command } = sound(options, "destroy");
    const pulumi = await Pulumi.open();
    if (options.execute)
      return execute(loaded, options, command, "destroy", (interrupt) => destroy(pulumi, loaded, interrupt));
    const steps = (await planDestroy(pulumi, loaded)).map(({ step: { id, project, stack }, action }) => {
      return { id, project, stack, action };
    });
    if (options.json) printJson({ ref: loaded.plan.ref, env: loaded.plan.env, steps });
    else {
      const words = { destroy: "is destroyed", retain: "stays (retain_on_destroy)", none: "has nothing to destroy" };
      const lines = steps.map(({ id, project, stack, action }) => `${id} (${project}/${stack}) ${words[action]}\n`);
      process.stdout.write(
        `${loaded.plan.ref} in ${loaded.plan.env}; nothing was changed\n\n${lines.join("")}\n  next: ${command} --execute\n`,
      );
    }
    return 0;
  },
});
