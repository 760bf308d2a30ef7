import { command, flag } from "../../command-line/declaration.ts";
import { projectAndStack } from "../../command-line/names.ts";

export default command({
  summary: "asks once for the secrets that a stack lacks, and stores them",
  details: "What is there already stays as it is. Exit code 1: one is there in the clear.",
  arguments: { stack: { help: "<project>/<stack>; a bare name is one of platform-vm", complete: projectAndStack() } },
  options: { stdin: flag("reads key=value lines from standard input, and asks nothing") },
  table: true,
  examples: [
    { line: "holdfast secrets ensure platform-vm/dev-apps", does: "asks for each, without showing it" },
    { line: "holdfast secrets ensure --stdin runners/crunchy <secrets.env", does: "takes them from a file" },
  ],
  run: async ({ stack }, options) => (await import("../../secrets.ts")).ensureSecrets(stack, options),
});
