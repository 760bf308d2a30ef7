import { Failure } from "../../../lib/failure.ts";
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
  async run({ stack }, { module, env: given, json }) {
    if (stack !== undefined && module !== undefined) throw new UsageFailure("the stack is given twice");
    const name = stack ?? module;
    if (name === undefined)
      throw new UsageFailure("which stack is not said: `holdfast state show` needs <project>#<stack>");
    const [
      { environmentOf, environmentVariable },
      { parseReference },
      { isProject },
      { Pulumi },
      { stateOf, stateText },
    ] = await Promise.all([
      import("../../blueprint/environment.ts"),
      import("../../blueprint/references.ts"),
      import("../../blueprint/stack-file.ts"),
      import("../../pulumi.ts"),
      import("../../stack-state.ts"),
    ]);
    const env = given === undefined && !process.env[environmentVariable] ? "" : environmentOf(given);
    const place = parseReference(name, env);
    if (!place || !isProject(place.project)) {
      throw new Failure(
        `${JSON.stringify(name)} is no name of a stack of this checkout`,
        "<project>#<stack>, for example platform-vm#dev-onprem-ops-runner, or platform/onprem/platform-vm#onprem_ops_runner",
      );
    }
    const shown = await stateOf(await Pulumi.open(), place, env);
    process.stdout.write(json ? `${JSON.stringify(shown, null, 2)}\n` : stateText(shown));
    return shown.status === "ok" ? 0 : 1;
  },
});
