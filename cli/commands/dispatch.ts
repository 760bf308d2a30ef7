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
    "any-release": flag("though the runner's programs are not those of this checkout"),
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
  run: async (_, options, behind) => (await import("../dispatch.ts")).dispatchVerb(options, behind),
});
