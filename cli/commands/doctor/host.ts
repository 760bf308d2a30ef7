import { command } from "../../command-line/declaration.ts";
import { stackNames } from "../../command-line/names.ts";

/** Bound on all checks together, in milliseconds; each has a shorter one of its own. */
const boundMs = 60_000;

export default command({
  summary: "looks at everything that a runner stack needs, and changes nothing",
  details: "What is missing comes with the command that mends it.",
  runbook: "doctor",
  arguments: { stack: { help: "a stack of runners", complete: stackNames("runners") } },
  table: true,
  examples: [
    { line: "holdfast doctor host crunchy", does: "what is missing, and the command for each" },
    { line: "holdfast doctor host crunchy --json", does: "the same for machines" },
  ],
  async run({ stack: name }, { json }) {
    const [{ preflightChecks }, { locateForge }, { planPreflight }, { exitCode, printTable }, { readRunnerStack }] =
      await Promise.all([
        import("../../../provider/host/preflight.ts"),
        import("../../../runners/forge.ts"),
        import("../../../runners/preflight.ts"),
        import("../../check-table.ts"),
        import("../../stacks/runners.ts"),
      ]);
    const { config, plan, recorded } = await readRunnerStack(name);
    const wanted = planPreflight(config, plan, await locateForge(plan.forge), recorded);
    const context = { signal: AbortSignal.timeout(boundMs), forgeToken: config["forge.token"] };
    const { checks } = await preflightChecks(wanted, context);
    const { stack, host } = plan.host;
    if (json) process.stdout.write(`${JSON.stringify({ stack, host, checks }, null, 2)}\n`);
    else printTable(`${stack} on ${host}`, checks);
    return exitCode(checks);
  },
});
