/**
 * A template from a downloaded image, and a clone of it, with the provider alone: nothing of holdfast is in it.
 */
import * as proxmox from "@pulumi/proxmoxve";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const provider = new proxmox.Provider("proxmox", {
  endpoint: config.require("endpoint"),
  apiToken: config.requireSecret("apiToken"),
});
const nodeName = "pve1";

// `speed` comes back as zeros and would be a difference in every preview. Without a drive of its own a VM gets the node's.
const ignoreChanges = ["disks[0].speed"];
const cdrom = { fileId: "none", interface: "ide3" };

const image = new proxmox.download.File(
  "image",
  {
    nodeName,
    datastoreId: "local",
    contentType: "import",
    url: config.require("imageUrl"),
    fileName: "image.qcow2",
    checksum: config.require("imageSha256"),
    checksumAlgorithm: "sha256",
    overwrite: false,
  },
  { provider },
);

const template = new proxmox.VmLegacy(
  "template",
  {
    nodeName,
    name: "template",
    template: true,
    started: false,
    tags: ["holdfast", "template"],
    scsiHardware: "virtio-scsi-single",
    disks: [{ interface: "scsi0", datastoreId: "local-lvm", importFrom: image.id, size: 4, discard: "on" }],
    networkDevices: [{ bridge: "vmbr0" }],
    initialization: { datastoreId: "local-lvm", ipConfigs: [{ ipv4: { address: "dhcp" } }] },
    serialDevices: [{}],
    cdrom,
  },
  { provider, ignoreChanges },
);

const clone = new proxmox.VmLegacy(
  "clone",
  {
    nodeName,
    name: "dev-pgha-01",
    tags: ["holdfast", "pgha"],
    clone: { vmId: template.vmId.apply(Number), full: true, retries: 1 },
    agent: { enabled: true, timeout: "20s" },
    cpu: { cores: 2, type: "host" },
    memory: { dedicated: config.getNumber("memoryMib") ?? 1024 },
    disks: [{ interface: "scsi0", datastoreId: "local-lvm", size: config.getNumber("diskGib") ?? 8, discard: "on" }],
    networkDevices: [{ bridge: "vnetdev", vlanId: 120 }, { bridge: "vnetddev" }],
    initialization: {
      datastoreId: "local-lvm",
      dns: { domain: "dev.example", servers: ["192.0.2.53"] },
      ipConfigs: [{ ipv4: { address: "10.12.0.21/24", gateway: "10.12.0.1" } }, { ipv4: { address: "dhcp" } }],
      userAccount: {
        username: "ops",
        keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlantedKeyOfTheTestPlantedKeyOfTheTest test"],
      },
    },
    serialDevices: [{}],
    cdrom,
  },
  { provider, ignoreChanges },
);

export const templateId = template.vmId;
export const vmId = clone.vmId;
export const addresses = clone.ipv4Addresses;
export const macs = clone.macAddresses;
