import { blueprintOptions } from "../blueprint/options.ts";
import { command, flag, value } from "../command-line/declaration.ts";
import { projectAndStack } from "../command-line/names.ts";

export default command({
  summary: "runs a command of a blueprint on an operations runner",
  details:
    "This workstation sends what the job needs, shows what it says and brings home what came of it; a lost connection does not end it. Ctrl-C ends the job in order. The exit code is the job's own; 0 for one that was begun with --detach.",
  runbook: "dispatch",
  options: {
    runner: value("STACK", "a stack of ops-runner", { required: true, complete: projectAndStack("#") }),
    env: blueprintOptions.env,
    detach: flag("ends when the job has begun: holdfast dispatch attach goes on with it"),
    "pass-env": value("NAME", "an environment variable with a secret that goes along", { many: true }),
    "any-release": flag("runs it even if the runner's release differs from this checkout"),
  },
  behind: {
    form: "blueprint deploy|destroy|preflight --env E --file FILE [--execute]",
    help: "the command, as it would be typed without a runner",
    commands: ["blueprint deploy", "blueprint destroy", "blueprint preflight"],
  },
  examples: [
    {
      line: "holdfast dispatch --runner dev-onprem -- blueprint deploy --env dev --file onprem-ops-runner.yml --execute",
      does: "deploys from there, and shows it here",
    },
  ],
  async run(_, options, behind) {
    const [{ soundBlueprint }, { beginJob }, { agreedEnvironment, readCommand }, { readRunner, runnerStack }] =
      await Promise.all([
        import("../blueprint/load.ts"),
        import("../dispatch/begin.ts"),
        import("../dispatch/command.ts"),
        import("../dispatch/runner.ts"),
      ]);
    const [{ interruptible, showJob }, { Pulumi }] = await Promise.all([
      import("../dispatch/show.ts"),
      import("../pulumi.ts"),
    ]);
    const { verb, values } = readCommand(behind);
    const env = agreedEnvironment(options.env, values.env);
    const stack = runnerStack(options.runner, env);
    const loaded = soundBlueprint({ ref: values.ref, file: values.file }, env);
    const pulumi = await Pulumi.open();
    const contract = await readRunner(pulumi, stack, env);
    return interruptible(async (interrupt) => {
      const order = {
        ...{ loaded, verb, changes: values.execute, json: values.json, opsRunner: { stack, contract } },
        ...{ passed: options["pass-env"] ?? [], anyRelease: options["any-release"] },
      };
      const job = await beginJob(pulumi, order, interrupt);
      process.stderr.write(
        `· job ${job.id} runs on ${job.vm}; a lost connection does not end it: holdfast dispatch attach ${job.id}\n`,
      );
      if (options.detach) return 0;
      return showJob(job, contract, interrupt);
    });
  },
});
