import type { StepPlan } from "../../blueprint/deploy.ts";
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
  async run(_, options) {
    const [{ deploy, planDeploy }, { execute, printJson, sound }, { Pulumi }] = await Promise.all([
      import("../../blueprint/deploy.ts"),
      import("../../blueprint/verbs.ts"),
      import("../../pulumi.ts"),
    ]);
    const { loaded, command } = sound(options, "deploy");
    const pulumi = await Pulumi.open();
    if (options.execute)
      return execute(loaded, options, command, "deploy", (interrupt) => deploy(pulumi, loaded, interrupt));
    const steps = (await planDeploy(pulumi, loaded)).map(({ step: { id, project, stack }, ...rest }) => {
      return { id, project, stack, ...rest };
    });
    if (options.json) printJson({ ref: loaded.plan.ref, env: loaded.plan.env, steps });
    else {
      const lines = steps.map((step, index) => `${index + 1}. ${stepText(step)}\n`);
      process.stdout.write(
        `${loaded.plan.ref} in ${loaded.plan.env}; nothing was changed\n\n${lines.join("")}\n  next: ${command} --execute\n`,
      );
    }
    return 0;
  },
});

type ShownStep = Pick<StepPlan["step"], "id" | "project" | "stack"> & Omit<StepPlan, "step">;

function stepText({ id, project, stack, action, reason, writes, isNew }: ShownStep): string {
  const more = [isNew ? "makes the stack" : "", writes.length > 0 ? `sets ${writes.join(", ")}` : ""].filter(Boolean);
  const words = { run: "runs", verify: "previews, and runs where something changes", skip: "skips" }[action];
  return `${id} (${project}/${stack}): ${words}; ${reason}${more.map((one) => `\n   ${one}`).join("")}`;
}
