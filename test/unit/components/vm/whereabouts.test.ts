/**
 * Which addresses are refused as those of a VM, whatever its guest agent says and whichever key answers there.
 */
import { expect, it } from "vitest";
import { refusal, takenBySite } from "../../../../components/vm/whereabouts.ts";
import type { Site } from "../../../../lib/contracts/site.ts";

const site: Site = {
  contract: "site@1",
  siteId: "home",
  env: "shared",
  zone: "lab",
  networks: [{ name: "lan", bridge: "br0", cidr: "192.0.2.0/24", gateway: "192.0.2.1", dns: ["192.0.2.53"] }],
  authorities: {
    forge: { url: "http://192.0.2.3:3000", address: "192.0.2.4" },
    netbox: { url: "https://netbox.example.org" },
    proxmox: { url: "https://192.0.2.20:8006", address: "192.0.2.21" },
  },
  gcpProjects: {},
  naming: {},
};
const taken = { ...takenBySite(site), "192.0.2.10": "the hypervisor", "2001:db8::10": "the hypervisor" };

it.each([
  ["192.0.2.1", "the gateway of lan"],
  ["192.0.2.53", "a name server of lan"],
  ["192.0.2.3", "the forge"],
  ["192.0.2.4", "the host of the forge"],
  ["192.0.2.20", "Proxmox VE"],
  ["192.0.2.21", "the host of Proxmox VE"],
  ["netbox.example.org", "NetBox"],
  ["NetBox.example.org.", "NetBox"],
  ["192.0.2.10", "the hypervisor"],
  ["::ffff:192.0.2.10", "the hypervisor"],
  ["::ffff:c000:20a", "the hypervisor"],
  ["2001:0db8:0:0::10", "the hypervisor"],
  ["[2001:db8::10]", "the hypervisor"],
])("%s is refused: it is %s", (address, whose) => {
  expect(refusal(address, taken)).toBe(`${address} is ${whose}`);
});

it.each([
  ["0.0.0.0", /no machine's/],
  ["127.0.0.1", /loopback/],
  ["127.8.9.1", /loopback/],
  ["169.254.169.254", /metadata/],
  ["224.0.0.251", /multicast/],
  ["239.1.2.3", /multicast/],
  ["255.255.255.255", /broadcast/],
  ["::", /no machine's/],
  ["0:0:0:0:0:0:0:1", /loopback/],
  ["::ffff:127.0.0.1", /loopback/],
  ["fe80::1%eth0", /link-local/],
  ["ff02::1", /multicast/],
])("%s is refused anywhere", (address, why) => {
  expect(refusal(address, {})).toMatch(why);
});

it.each(["192.0.2.15", "10.0.0.1", "203.0.113.9", "2001:db8::15", "runner.example.org"])(
  "%s may be a VM's",
  (address) => {
    expect(refusal(address, taken)).toBeUndefined();
  },
);

it("knows nobody's address without a site", () => {
  expect(takenBySite(undefined)).toEqual({});
});
