import { command, value } from "../../command-line/declaration.ts";

export default command({
  summary: "makes a NetBox ready to give out addresses, and writes its contract",
  details:
    "The API token is asked for, or taken from NETBOX_API_TOKEN; it is not written. The same command again changes nothing.",
  runbook: "netbox",
  options: {
    url: value("URL", "http(s)://<NetBox>, without user or password", { required: true }),
    file: value("FILE", "where the contract is written; default: netbox.json", { complete: "file" }),
    bastion: value("ADDRESS[:PORT]", "a machine that leads to it"),
  },
  table: true,
  examples: [
    {
      line: "holdfast netbox bootstrap --url https://netbox.example.org --file netbox.json",
      does: "makes it ready, and writes netbox@1 into the file",
    },
  ],
  run: async (_, options) => (await import("../../netbox/bootstrap.ts")).bootstrap(options),
});
