import { blueprintOptions } from "../../blueprint/options.ts";
import { command, value } from "../../command-line/declaration.ts";
import { projectAndStack } from "../../command-line/names.ts";
import { UsageFailure } from "../../command-line/usage-failure.ts";

export default command({
  summary: "shows how a stack stands: status, outputs without secrets, evidence, last run",
  details: "Exit code 1: its status is not ok.",
  arguments: { stack: { help: "<project>#<stack>", optional: true, complete: projectAndStack("#") } },
  options: {
    env: blueprintOptions.env,
    module: value("MODULE#ID", "the same stack by the module's name", { complete: projectAndStack("#") }),
  },
  forms: ["<project>#<stack> [--env E]", "--module MODULE#ID [--env E]"],
  table: true,
  examples: [
    { line: "holdfast state show --env dev platform-vm#dev-onprem-ops-runner", does: "one stack" },
    {
      line: "holdfast state show --env dev --module platform/onprem/platform-vm#onprem_ops_runner",
      does: "the same, as runbooks of modules call it",
    },
  ],
  async run({ stack }, { module, ...options }) {
    if (stack !== undefined && module !== undefined) throw new UsageFailure("the stack is given twice");
    const name = stack ?? module;
    if (name === undefined)
      throw new UsageFailure("which stack is not said: `holdfast state show` needs <project>#<stack>");
    return (await import("../../state-show.ts")).showState(name, options);
  },
});
