import { command, value } from "../command-line/declaration.ts";
import { projectAndStack } from "../command-line/names.ts";

export default command({
  summary: "shows which host keys a stack's machines have to show, and which they show",
  details:
    "A key that changed is recorded only with --confirm, after somebody looked at the machine itself. Nobody is logged in anywhere. Exit code 1: a machine shows another key than is known.",
  arguments: { stack: { help: "<project>/<stack>; a bare name is one of runners", complete: projectAndStack() } },
  options: { confirm: value("SHA256:...", "records the changed key with this fingerprint") },
  table: true,
  examples: [
    { line: "holdfast trust runners/crunchy", does: "the keys that are known, and those that are shown" },
    { line: "holdfast trust runners/crunchy --confirm SHA256:...", does: "records the one that was compared" },
  ],
  run: async ({ stack }, options) => (await import("../trust/trust.ts")).trust(stack, options),
});
