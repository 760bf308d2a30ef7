/**
 * Starts or stops a VM of a pool's site without its API, in the network of the Proxmox host, where VMs answer.
 * Arguments: the site's name, the root file system of VMs, `start` or `stop`, the VM in JSON.
 */
import { layoutOf } from "../../../lab/layout.ts";
import { Guests } from "../../../lab/pool/guests.ts";
import { proxmoxFiles } from "../../../lab/pool/host.ts";
import type { SimulatedVm } from "../../../lab/proxmox/state.ts";

const [name = "", image = "", action, vm = ""] = process.argv.slice(2);
const layout = layoutOf(name);
const guests = new Guests(layout, image, proxmoxFiles(layout));
await (action === "start" ? guests.start : guests.stop).call(guests, JSON.parse(vm) as SimulatedVm);
