/**
 * Clones of templates that are there, with the provider alone: as many as are configured, each to meet a fault of its own.
 */
import * as proxmox from "@pulumi/proxmoxve";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const provider = new proxmox.Provider("proxmox", {
  endpoint: config.require("endpoint"),
  apiToken: config.requireSecret("apiToken"),
});

/** By name: the template's id. A clone has the same id less 8000. */
const clones = config.requireObject<Record<string, number>>("clones");

for (const [name, template] of Object.entries(clones)) {
  new proxmox.VmLegacy(
    name,
    {
      nodeName: "pve1",
      vmId: template - 8000,
      name,
      clone: { vmId: template, retries: 1 },
      agent: { enabled: true, timeout: "2s" },
      networkDevices: [{ bridge: "vmbr0" }],
      cdrom: { fileId: "none", interface: "ide3" },
    },
    { provider },
  );
}
