import { command, value } from "../../command-line/declaration.ts";
import { stackNames } from "../../command-line/names.ts";

export default command({
  summary: "checks a cluster of Proxmox VE, and records it for the stacks of the site",
  details:
    "The API token is asked for, or taken from PROXMOX_VE_API_TOKEN; it is not recorded. Where something is wrong, all of it is said and nothing is recorded.",
  options: {
    endpoint: value("URL", "https://<address of a node>:8006", { required: true }),
    node: value("N", "name of a node", { required: true }),
    storage: value("S", "a storage that has to be there", { many: true }),
    bastion: value("ADDRESS[:PORT]", "a machine by which the cluster's addresses are reached over SSH"),
    stack: value("STACK", "stack of foundation; default: shared", { complete: stackNames("foundation") }),
  },
  table: true,
  examples: [
    {
      line: "holdfast init proxmox --endpoint https://pve1.example.org:8006 --node pve1 --storage local-lvm",
      does: "looks at it, and records it in the stack shared of foundation",
    },
  ],
  run: async (_, options) => (await import("../../proxmox/init.ts")).initProxmox(options),
});
