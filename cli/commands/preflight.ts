import { command, flag } from "../command-line/declaration.ts";
import { stackNames } from "../command-line/names.ts";

export default command({
  summary: "looks at all that VMs, templates or an operations runner need, and changes nothing",
  details:
    "What an update depends on counts; what it may do without only warns, unless --strict says that all of it counts.",
  runbook: "platform-vms",
  arguments: {
    stack: {
      help: "a stack of platform-vm, or template-image/<stack>, or ops-runner/<stack>",
      complete: stackNames("platform-vm", ["ops-runner", "template-image"]),
    },
  },
  options: { strict: flag("what an update may do without counts, too") },
  table: true,
  examples: [
    { line: "holdfast preflight --strict dev-apps", does: "everything about a pool that can be looked at beforehand" },
    { line: "holdfast preflight template-image/dev", does: "what the templates of an environment need" },
  ],
  run: async ({ stack }, options) => (await import("../preflight/preflight.ts")).preflight(stack, options),
});
