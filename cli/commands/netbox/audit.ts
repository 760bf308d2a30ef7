import { command, value } from "../../command-line/declaration.ts";
import { stackNames } from "../../command-line/names.ts";

export default command({
  summary: "compares what pools of VMs believe with what NetBox says, and changes nothing",
  details: "Exit code 1: they differ.",
  runbook: "netbox",
  options: {
    stack: value("STACK", "a stack of platform-vm; default: all of them", {
      many: true,
      complete: stackNames("platform-vm"),
    }),
    "stale-days": value("DAYS", "how old records of VMs that are gone may be; default: 30"),
  },
  table: true,
  examples: [
    { line: "holdfast netbox audit", does: "all stacks of platform-vm in the backend" },
    { line: "holdfast netbox audit --stack dev-apps --stale-days 7", does: "one of them" },
  ],
  run: async (_, options) => (await import("../../netbox/audit.ts")).netboxAudit(options),
});
