/**
 * Addresses of the simulated VMs: what cloud-init would have set from `ipconfigN`, or DHCP given.
 */
import { BlockList, isIPv4 } from "node:net";
import type { MachineHooks } from "./cluster.ts";
import { parseNet } from "./nets.ts";
import { parseProperties } from "./property-string.ts";
import type { SimulatedVm } from "./state.ts";

/**
 * A DHCP server for all bridges: the same MAC address always gets the same address.
 * @param first first address with prefix length, for example `192.0.2.100/24`; IPv4, and leases end where its network does.
 */
export function leases(first: string): MachineHooks["lease"] {
  const [start = "", prefix = "24"] = first.split("/");
  if (!isIPv4(start)) throw new Error(`dhcp is to be an IPv4 address with prefix length, not ${first}`);
  const network = new BlockList();
  network.addSubnet(start, Number(prefix));
  const given = new Map<string, string>();
  return (mac) => {
    const there = given.get(mac);
    if (there !== undefined) return there;
    const address = plus(start, given.size);
    if (!network.check(address)) throw new Error(`no lease left in ${first}`);
    given.set(mac, `${address}/${prefix}`);
    return `${address}/${prefix}`;
  };
}

function plus(address: string, offset: number): string {
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0) + offset;
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}

/**
 * The addresses of each plugged network device of a VM. Without a cloud-init drive the first one asks DHCP, as the images of
 * distributions do.
 */
export function addressesOf(vm: SimulatedVm, lease: MachineHooks["lease"]): Record<string, string[]> {
  const cloudInit = Object.values(vm.config).some((value) => /-cloudinit[.,]/.test(`${value},`));
  const devices = Object.keys(vm.config)
    .filter((key) => /^net\d+$/.test(key))
    .sort(byNumber);
  return Object.fromEntries(
    devices.map((key, position) => {
      const net = parseNet(String(vm.config[key]));
      if ("error" in net || net.bridge === undefined) return [key, []];
      const { bridge, mac } = net;
      const configured = cloudInit
        ? (vm.config[key.replace("net", "ipconfig")] ?? "")
        : position === 0
          ? "ip=dhcp"
          : "";
      const ip = parseProperties(String(configured), "ip");
      const wanted = [ip.get("ip"), ip.get("ip6")].filter((one) => one !== undefined && one !== "auto");
      return [key, wanted.map((one) => (one === "dhcp" ? lease(mac, bridge) : String(one)))];
    }),
  );
}

function byNumber(a: string, b: string): number {
  return Number(a.slice(3)) - Number(b.slice(3));
}
