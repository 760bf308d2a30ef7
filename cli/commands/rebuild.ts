import { command, flag, value } from "../command-line/declaration.ts";
import { stackNames } from "../command-line/names.ts";

export default command({
  summary: "destroys the VMs of a pool and makes them anew",
  details:
    "Nothing is destroyed that is protected, or that could not be made again, as far as that can be seen beforehand. Says what became of each VM's id, MAC, address and host key. Exit code 1: destroy or up failed; the same command goes on from there.",
  arguments: { stack: { help: "a stack of platform-vm", complete: stackNames("platform-vm") } },
  options: {
    confirm: value("STACK", "the stack again, as it is named before", {
      complete: ([stack]) => (stack ? [stack] : []),
    }),
    yes: flag("asks nothing"),
  },
  forms: ["<stack> --confirm <stack> [--yes]"],
  table: true,
  examples: [
    { line: "holdfast rebuild dev-apps --confirm dev-apps", does: "asks once more, and rebuilds" },
    { line: "holdfast rebuild dev-apps --confirm dev-apps --yes --json", does: "without a question, for machines" },
  ],
  run: async ({ stack }, options) => (await import("../rebuild/rebuild.ts")).rebuild(stack, options),
});
