/**
 * The program behind the API of a site's simulated Proxmox VE. It runs in the network namespace of the Proxmox host until it
 * is killed, and starts VMs as `guests.ts` has them. Arguments: the site's name, the root file system of VMs.
 */
import { layoutOf, network } from "../layout.ts";
import { leases } from "../proxmox/addresses.ts";
import { startProxmox } from "../proxmox/simulator.ts";
import { writePrivately } from "../secrets.ts";
import { Guests } from "./guests.ts";
import { apiPort, lanBridge, managementBridge, privateBridge, proxmoxFiles } from "./host.ts";
import { pretendImage } from "./pretend-image.ts";

const [name = "", image = ""] = process.argv.slice(2);
const layout = layoutOf(name);
const files = proxmoxFiles(layout);
const guests = new Guests(layout, image, files);
/** Outside the range of the site's DHCP server, which nobody asks here: the simulation gives addresses itself. */
const lease = leases(`${network.prefix}.60/24`);

const proxmox = await startProxmox({
  address: network.proxmox,
  port: apiPort,
  bridges: [lanBridge, privateBridge.name, managementBridge.name],
  storages: [
    { id: "local", type: "dir", path: files.local, content: ["import", "iso", "snippets"] },
    { id: "local-lvm", type: "lvmthin", content: ["images"] },
  ],
  lease: (mac, bridge) => {
    if (bridge === lanBridge) return lease(mac, bridge);
    throw new Error(`nobody answers DHCP on ${bridge}`);
  },
  onStart: (vm) => guests.start(vm),
  onStop: (vm) => guests.stop(vm),
  onDestroy: (vm) => guests.destroy(vm),
});
proxmox.publish(pretendImage.url, pretendImage);
writePrivately(files.certificate, proxmox.certificate);
// Last of all: who finds it may begin.
writePrivately(files.token, proxmox.token);
