/**
 * What a stack file of a pool on a libvirt host comes to: VMs with everything decided, or every mistake at once; and that what
 * one placement has is refused by the other, by its name.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { macAddress } from "../../../components/vm/plan.ts";
import { parseConfig } from "../../../lib/config/strict.ts";
import type { Site } from "../../../lib/contracts/site.ts";
import { platformVmConfig } from "../../../platform-vm/config.ts";
import type { PlanOn } from "../../../platform-vm/placements/index.ts";
import { planPreflight } from "../../../platform-vm/placements/libvirt/preflight.ts";
import { planPool } from "../../../platform-vm/plan.ts";
import { preflight } from "../../../provider/host/preflight.ts";

const place = { project: "platform-vm", stack: "dev-apps" };
const nic = { bridge: "br0", ipv4: { address: "192.0.2.21/24", gateway: "192.0.2.1" } };
const vms = (value: object) => ({ vms: JSON.stringify(value) });
const pool = {
  placement: "libvirt",
  env: "dev",
  "host.address": "192.0.2.10",
  require_ipam: "false",
  ...vms({ "app-01": { role: "app", interfaces: [nic] } }),
};
type Values = Record<string, string | undefined>;

function plan(changes: Values = {}, site?: Site): PlanOn<"libvirt"> {
  const raw = Object.fromEntries(
    Object.entries({ ...pool, ...changes }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const planned = planPool(parseConfig("platform-vm", "dev-apps", platformVmConfig, raw), site, place);
  if (planned.placement !== "libvirt") throw new Error("this is no plan for libvirt");
  return planned;
}

/** The lines of the error. */
function problems(changes: Values): string[] {
  try {
    plan(changes);
  } catch (error) {
    return (error as Error).message.split("\n  - ").slice(1);
  }
  return [];
}

test("a pool has its host, its image and VMs with one card, and needs neither token nor template", () => {
  expect(plan()).toMatchObject({
    placement: "libvirt",
    owner: "site.platform-vm.dev-apps",
    host: { host: "192.0.2.10", port: 22, user: "root", stack: "platform-vm/dev-apps" },
    storagePool: "images",
    domainType: "kvm",
    image: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
  });
  expect(plan().vms).toEqual([
    {
      ...{ key: "app-01", name: "dev-app-01", role: "app", cpuCores: 2, memoryMb: 4096, diskGb: 40 },
      nics: [{ bridge: "br0", address: "192.0.2.21/24", gateway: "192.0.2.1" }],
      tags: ["app", "custom-vm", "onprem", "platform"],
      ...{ onBoot: true, protect: false, bridge: "br0", cidr: "192.0.2.21/24", gateway: "192.0.2.1" },
    },
  ]);
});

test("a MAC address of one's own is spelled as libvirt spells it", () => {
  const own = { ...nic, mac_address: "52:54:00:AB:CD:EF" };
  expect(plan(vms({ a: { interfaces: [own] } })).vms[0]?.mac).toBe("52:54:00:ab:cd:ef");
});

test("the site's Proxmox host is no way to a VM on libvirt", () => {
  const site: Site = {
    ...{ contract: "site@1", siteId: "home", env: "dev", zone: "lan", networks: [], gcpProjects: {}, naming: {} },
    authorities: { proxmox: { url: "https://pve.example.org:8006", address: "10.10.0.2" } },
  };
  expect(plan({}, site).bastion).toBeUndefined();
});

test("every key of the other placement is named, with what there is instead, in one error", () => {
  const others = {
    "proxmox.endpoint": "https://pve1.example.org:8006",
    "proxmox.token": "root@pam!ci=0f6c2c1e-0000-4000-8000-000000000000",
    "proxmox.insecure": "false",
    node_name: "pve1",
    datastore_id: "gold",
    template_state_ref: "dev",
    template_key: "ubuntu-24.04",
    template_vm_id: "9000",
    cpu_type: "host",
    guest_agent_enabled: "true",
    vm_id: "210",
    "bastion.address": "10.10.0.2",
  };
  const output = problems(others);
  expect(output).toHaveLength(Object.keys(others).length);
  for (const key of Object.keys(others)) {
    expect(output).toContainEqual(
      expect.stringMatching(
        `^platform-vm:${key}: is a key of placement proxmox, and this pool's is libvirt.*pulumi config rm ${key}`,
      ),
    );
  }
  expect(output.join()).toContain("vm.image.url and vm.image.sha256");
  expect(output.join()).not.toContain("0f6c2c1e");
});

test("a pool on Proxmox VE takes nothing of a libvirt host, and says the token that it lacks", () => {
  const values = { placement: undefined, "vm.pool": "images", "vm.type": "kvm", template_vm_id: "9000" };
  const output = problems({ ...values, "proxmox.endpoint": "https://pve1.example.org:8006" });
  expect(output.map((line) => line.split(": ")[0])).toEqual([
    "platform-vm:host.address",
    "platform-vm:vm.pool",
    "platform-vm:vm.type",
    "platform-vm:proxmox.token",
  ]);
});

test("what is missing comes with what is wrong", () => {
  const output = problems({ "host.address": undefined, "vm.image.url": "file:///image.qcow2", node_name: "pve1" });
  expect(output).toEqual([
    expect.stringContaining("node_name: is a key of placement proxmox"),
    expect.stringContaining("host.address: is required with placement libvirt: pulumi config set host.address"),
    "platform-vm:vm.image.sha256: is required: the two belong together",
  ]);
});

test.each([
  [{ vm_id: 210 }, "vms.a.vm_id: is not to be had with placement libvirt: an id on libvirt is a UUID"],
  [{ template_key: "debian-12" }, "vms.a.template_key: is not to be had"],
  [{ node_name: "pve1" }, "vms.a.node_name: is not to be had with placement libvirt: all VMs of the pool stand on"],
  [{ datastore_id: "gold" }, "vms.a.datastore_id: is not to be had"],
  [{ startup_order: 3 }, "vms.a.startup_order: is not to be had"],
  [{ interfaces: [{ ...nic, vlan_id: 7 }] }, "vms.a.interfaces: has vlan_id, which libvirt leaves to the host"],
  [{ interfaces: [nic, { bridge: "br1" }] }, "vms.a.interfaces: has 2 cards, and a VM on libvirt has one here"],
  [{ interfaces: [{ bridge: "br0", ipv4: { address: "dhcp" } }] }, "vms.a.interfaces: asks by DHCP"],
  [{ interfaces: [{ bridge: "br0" }] }, "vms.a.interfaces: has no address, and nothing on libvirt would tell it"],
])("of a VM %j is refused", (more, message) => {
  expect(problems(vms({ a: { interfaces: [nic], ...more } }))).toEqual([expect.stringContaining(message)]);
});

test("rules that both placements have are said once", () => {
  const wrong = { bridge: "br0", ipv4: { address: "192.0.2.300/24", gateway: "192.0.2.1" } };
  expect(problems(vms({ a: { interfaces: [wrong] } }))).toEqual([expect.stringContaining("ipv4.address is invalid")]);
});

test("the preflight is asked about all VMs at once, and about no forge", () => {
  const second = { ...nic, ipv4: { ...nic.ipv4, address: "192.0.2.22/24" }, mac_address: "52:54:00:00:00:22" };
  const planned = plan(vms({ a: { interfaces: [nic] }, b: { interfaces: [second], disk_size_gb: 8 } }));
  const args = planPreflight(planned, { volumes: ["images/dev-a.qcow2"], domains: ["dev-a"] });
  expect(args.vms).toMatchObject([
    { domain: "dev-a", mac: macAddress(planned.owner, "dev-a"), diskGb: 40, volumes: { root: "dev-a.qcow2" } },
    { domain: "dev-b", mac: "52:54:00:00:00:22", diskGb: 8, cidr: "192.0.2.22/24", bridge: "br0" },
  ]);
  expect(args.vms[1]?.fixes.name).toBe("set vms.b.vm_name to another name");
  expect(args.forge).toBeUndefined();
  expect(preflight.inputs.safeParse(args).success).toBe(true);
});

test("the example file can be used as it stands", () => {
  const file = join(import.meta.dirname, "../../../stacks/platform-vm/Pulumi.libvirt.yaml");
  const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
  const raw = Object.entries(config).map(([key, value]) => [
    key.replace(/^platform-vm:/, ""),
    typeof value === "object" ? JSON.stringify(value) : String(value),
  ]);
  const values = parseConfig("platform-vm", "dev-apps", platformVmConfig, Object.fromEntries(raw));
  expect(planPool(values, undefined, place).vms.map(({ name, protect }) => [name, protect])).toEqual([
    ["dev-app-01", false],
    ["dev-pgha-01", true],
  ]);
});
