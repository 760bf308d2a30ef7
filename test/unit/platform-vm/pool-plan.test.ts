/**
 * What a pool's stack file comes to: VMs with everything decided, or every mistake at once in the words of the runbook.
 */
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../lib/config/strict.ts";
import type { Site } from "../../../lib/contracts/site.ts";
import { platformVmConfig } from "../../../platform-vm/config.ts";
import type { PlanOn, PoolPlan } from "../../../platform-vm/placements/index.ts";
import { planPool } from "../../../platform-vm/plan.ts";

const place = { project: "platform-vm", stack: "dev-apps" };
const token = "root@pam!ci=0f6c2c1e-0000-4000-8000-000000000000";

const pool = {
  env: "dev",
  "proxmox.endpoint": "https://pve1.example.org:8006",
  "proxmox.token": token,
  template_state_ref: "core/onprem/template-image",
  require_ipam: "false",
  vms: JSON.stringify({ "pgha-01": { role: "db", interfaces: [{ bridge: "vnetenv", ipv4: { address: "dhcp" } }] } }),
};

const site: Site = {
  contract: "site@1",
  siteId: "home",
  env: "prod",
  zone: "lan",
  networks: [{ name: "mgmt", bridge: "vnetmgmt", cidr: "10.10.0.0/24", dns: [] }],
  authorities: { proxmox: { url: "https://pve.example.org:8006/", address: "10.10.0.2" } },
  gcpProjects: {},
  naming: {},
};

function plan(changes: Record<string, string | undefined> = {}, from?: Site, hyopsEnv = ""): PlanOn<"proxmox"> {
  const planned = anyPlan(changes, from, hyopsEnv);
  if (planned.placement !== "proxmox") throw new Error("this is no plan for Proxmox VE");
  return planned;
}

function anyPlan(changes: Record<string, string | undefined>, from?: Site, hyopsEnv = ""): PoolPlan {
  const raw = Object.fromEntries(
    Object.entries({ ...pool, ...changes }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  return planPool(parseConfig("platform-vm", "dev-apps", platformVmConfig, raw), from, place, hyopsEnv);
}

/** The lines of the error. */
function problems(changes: Record<string, string | undefined>, from?: Site, hyopsEnv = ""): string[] {
  try {
    anyPlan(changes, from, hyopsEnv);
  } catch (error) {
    return (error as Error).message.split("\n  - ").slice(1);
  }
  return [];
}

const vms = (value: object) => ({ vms: JSON.stringify(value) });
const nic = { bridge: "vnetmgmt" };

describe("a pool", () => {
  it("has its defaults, its bridge, its physical name and its tags", () => {
    expect(plan().vms).toEqual([
      {
        key: "pgha-01",
        name: "dev-pgha-01",
        role: "db",
        templateKey: "ubuntu-24.04",
        cpuCores: 2,
        memoryMb: 4096,
        diskGb: 40,
        datastoreId: "local-lvm",
        nics: [{ bridge: "vnetdev", address: "dhcp" }],
        tags: ["custom-vm", "db", "onprem", "platform"],
        onBoot: true,
        protect: false,
      },
    ]);
    expect(plan()).toMatchObject({ owner: "site.platform-vm.dev-apps", templateStack: "dev", permission: false });
  });

  it("lets each VM differ in size, disk, node, template, role and tags", () => {
    const differing = {
      role: "cache",
      cpu_cores: 8,
      memory_mb: 16384,
      disk_size_gb: 300,
      node_name: "pve02",
      datastore_id: "fast-lvm",
      template_key: "debian-12",
      tags: ["Own"],
      vm_id: 210,
      startup_order: 3,
      on_boot: false,
      protect: true,
      interfaces: [nic],
    };
    expect(plan(vms({ a: differing, b: { interfaces: [nic] } })).vms).toMatchObject([
      {
        cpuCores: 8,
        memoryMb: 16384,
        diskGb: 300,
        nodeName: "pve02",
        datastoreId: "fast-lvm",
        templateKey: "debian-12",
        tags: ["cache", "own"],
        vmId: 210,
        startupOrder: 3,
        onBoot: false,
        protect: true,
      },
      { cpuCores: 2, diskGb: 40, role: "platform-vm" },
    ]);
  });

  it("comes out of the shorthand for one VM, which needs neither MAC nor gateway with DHCP", () => {
    const shorthand = { vms: undefined, vm_name: "app-01", vm_bridge: "vnetmgmt" };
    expect(plan({ ...shorthand, vm_ipv4_cidr: "10.10.0.15/24", vm_gateway: "10.10.0.1" }).vms).toMatchObject([
      { name: "dev-app-01", nics: [{ bridge: "vnetmgmt", address: "10.10.0.15/24", gateway: "10.10.0.1" }] },
    ]);
    expect(plan({ ...shorthand, vm_ipv4_cidr: "dhcp" }).vms[0]?.nics).toEqual([
      { bridge: "vnetmgmt", address: "dhcp" },
    ]);
  });

  it("takes cards from the pool where a VM has none", () => {
    const changes = { ...vms({ a: {}, b: {} }), interfaces: JSON.stringify([nic]) };
    expect(plan(changes).vms.map(({ nics }) => nics)).toEqual([[{ bridge: "vnetmgmt" }], [{ bridge: "vnetmgmt" }]]);
  });

  it("is the shared runner with its documented name", () => {
    const changes = { env: "shared", name_prefix: "platform-shared", ...vms({ "runner-01": { interfaces: [nic] } }) };
    expect(plan(changes).vms[0]?.name).toBe("platform-shared-runner-01");
  });

  it.each([
    ["core/onprem/template-image", "dev"],
    ["core/onprem/template-image#golden", "golden"],
    ["template-image/prod", "prod"],
    ["prod", "prod"],
  ])("finds its templates by %s in stack %s", (reference, stack) => {
    expect(plan({ template_state_ref: reference }).templateStack).toBe(stack);
  });

  it("needs no templates' stack where an id is given", () => {
    expect(plan({ template_state_ref: undefined, template_vm_id: "9000" })).toMatchObject({ templateVmId: 9000 });
    expect(plan({ template_vm_id: "9000" }).templateStack).toBeUndefined();
  });

  it("takes node, and the bastion's port and host key from the site where nothing else says them", () => {
    const proxmox = { url: "https://pve.example.org:8006", address: "10.10.0.2", port: 2222, node: "pve1" };
    const whole = { ...proxmox, hostKey: "ssh-ed25519 AAAA", storages: ["gold", "local-lvm"] };
    const changes = { "proxmox.endpoint": undefined, ...vms({ a: { interfaces: [nic] } }) };
    const of = (authority: NonNullable<Site["authorities"]["proxmox"]>, more = {}) =>
      plan({ ...changes, ...more }, { ...site, authorities: { proxmox: authority } });
    const planned = of(whole);
    expect(planned).toMatchObject({ siteNode: "pve1", vms: [{ datastoreId: "local-lvm" }] });
    expect(planned.bastion).toMatchObject({ host: "10.10.0.2", port: 2222, hostKey: "ssh-ed25519 AAAA" });
    expect(of(whole, { datastore_id: "tin" }).vms[0]?.datastoreId).toBe("tin");
    // A site that begins to list its storages moves no VM to another one.
    const without = { ...whole, storages: ["gold", "local"] };
    expect(() => of(without)).toThrow(/datastore_id.*lists gold, local, and not local-lvm/);
    expect(of(without, { datastore_id: "tin" }).vms[0]?.datastoreId).toBe("tin");
    expect(of(whole, { "bastion.address": "10.10.0.2" }).bastion).toMatchObject({ hostKey: "ssh-ed25519 AAAA" });
    const other = of(whole, { "bastion.address": "10.10.0.9" }).bastion;
    expect(other).toEqual({ host: "10.10.0.9", port: 22, user: "root", stack: "platform-vm/dev-apps" });
  });

  it("puts user data nowhere unless it is told where, and then by the Proxmox host, whoever else leads to the VMs", () => {
    expect(plan().snippets).toBeUndefined();
    const host = { user: "root", port: 22, stack: "platform-vm/dev-apps" };
    const own = { snippets_storage: "local", "bastion.address": "10.10.0.9" };
    expect(plan(own).snippets).toEqual({ storage: "local", host: { ...host, host: "10.10.0.9" } });
    const from = {
      ...site,
      authorities: { proxmox: { ...site.authorities.proxmox, url: "", hostKey: "ssh-ed25519 A" } },
    };
    const off = JSON.stringify({ ssh_proxy_jump_auto: false });
    const sited = { ...vms({ a: { interfaces: [nic] } }), snippets_storage: "nfs", post_apply_ssh_readiness: off };
    const planned = plan(sited, { ...from, authorities: { proxmox: { ...from.authorities.proxmox, port: 2222 } } });
    expect(planned.snippets).toEqual({
      storage: "nfs",
      host: { ...host, host: "10.10.0.2", port: 2222, hostKey: "ssh-ed25519 A" },
    });
    expect(planned.bastion).toBeUndefined();
  });

  it("takes environment, endpoint and bastion from the site, and its own words before those", () => {
    const changes = { env: undefined, "proxmox.endpoint": undefined, ...vms({ a: { interfaces: [nic] } }) };
    expect(plan(changes, site)).toMatchObject({
      env: "prod",
      endpoint: "https://pve.example.org:8006",
      owner: "home.platform-vm.dev-apps",
      bastion: { host: "10.10.0.2", user: "root", port: 22 },
    });
    expect(plan({ ...changes, env: "dev" }, site).env).toBe("dev");
    expect(plan(changes, site, "prod").env).toBe("prod");
    const off = { ...changes, post_apply_ssh_readiness: JSON.stringify({ ssh_proxy_jump_auto: false }) };
    expect(plan(off, site).bastion).toBeUndefined();
  });

  it("has a readiness gate by default, and none where it says so", () => {
    expect(plan().readiness).toMatchObject({
      enabled: true,
      required: true,
      user: "opsadmin",
      connectivity_timeout_s: 5,
      connectivity_wait_s: 300,
    });
    expect(plan({ post_apply_ssh_readiness: "false" }).readiness.enabled).toBe(false);
    expect(plan({ post_apply_ssh_readiness: '{"connectivity_wait_s": 0}' }).readiness.connectivity_wait_s).toBe(0);
    expect(plan({ ssh_username: "ops" }).readiness.user).toBe("ops");
  });

  it("reads a permission as what it is", () => {
    expect(plan({ allow_vm_set_replace: "true" }).permission).toBe(true);
    expect(plan({ allow_vm_set_replace: "4be1c2a09d7735f0" }).permission).toBe("4be1c2a09d7735f0");
  });
});

describe("a mistake", () => {
  it.each([
    [
      { template_state_ref: undefined },
      /inputs\.template_state_ref is required \(recommended: core\/onprem\/template-image\)/,
    ],
    [{ vms: undefined }, /either inputs\.vms \(non-empty map\) or inputs\.vm_name is required/],
    [{ vms: "{}" }, /either inputs\.vms \(non-empty map\) or inputs\.vm_name is required/],
    [{ vm_name: "b" }, /vm_name: is set beside vms/],
    [vms({ Bad_Name: { interfaces: [nic] } }), /inputs\.vms\.Bad_Name must match/],
    [vms({ a: {} }), /inputs\.vms\[a\]\.interfaces is required when module-level inputs\.interfaces is empty/],
    [
      vms({ a: { interfaces: [{ bridge: "b", ipv4: { address: "dhcp", gateway: "10.0.0.1" } }] } }),
      /inputs\.vms\[a\]\.interfaces\[1\]\.ipv4\.gateway must be empty/,
    ],
    [vms({ a: { interfaces: [nic], cpu_cores: 0 } }), /vms: a\.cpu_cores: must be >= 1/],
    [vms({ a: { interfaces: [nic], cpus: 2 } }), /vms: a: Unrecognized key: "cpus"/],
    [
      vms({ a: { interfaces: [nic], vm_id: 7 }, b: { interfaces: [nic], vm_id: 7 } }),
      /inputs\.vms\[b\]\.vm_id 7 is that of inputs\.vms\[a\]/,
    ],
    [vms({ a: { interfaces: [{ bridge: "vnetenv" }] }, ...{} }), undefined],
    [
      { env: "shared", ...vms({ a: { interfaces: [{ bridge: "vnetenv" }] } }) },
      /vnetenv bridge alias is unsupported for env='shared'/,
    ],
    [{ require_ipam: "true" }, /inputs\.addressing is required when inputs\.require_ipam=true/],
    [
      { require_ipam: "true", addressing: '{"mode":"static"}' },
      /inputs\.addressing\.mode must be ipam when inputs\.require_ipam=true/,
    ],
    [{ addressing: '{"mode":"dhcp"}' }, /inputs\.addressing\.mode must be one of: static, ipam/],
    [
      { addressing: '{"mode":"static","ipam":{"provider":"netbox"}}' },
      /inputs\.addressing\.ipam is only allowed when inputs\.addressing\.mode=ipam/,
    ],
    [{ addressing: '{"mode":"ipam"}' }, /inputs\.addressing\.ipam must be a mapping/],
    [
      { addressing: '{"mode":"ipam","ipam":{"provider":"phpipam"}}' },
      /inputs\.addressing\.ipam\.provider must be 'netbox'/,
    ],
    [{ snippets_storage: "local" }, /bastion\.address: is required with snippets_storage.*config set bastion\.address/],
    [{ snippets_storage: "local:snippets" }, /snippets_storage/],
    [{ env: undefined }, /means the stack named after the environment, and there is none/],
    [{ dns_servers: "fd00::1" }, /must be IPv4/],
    [{ post_apply_ssh_readiness: '{"target_port": 0}' }, /post_apply_ssh_readiness: target_port/],
    [{ "proxmox.endpoint": undefined }, /proxmox\.endpoint: is required/],
    [{ "proxmox.endpoint": "http://pve1:8006" }, /proxmox\.endpoint: must begin with https/],
    [{ "site.stack": "shared", "site.file": "site.json" }, /site\.file: is set beside site\.stack/],
    [{ cpu_cores: "zero" }, /cpu_cores: expected a whole number/],
    [{ vmss: "{}" }, /vmss: is not a key of this project; did you mean vms\?/],
    [{ name_prefix: "CHANGE_ME" }, /name_prefix: still holds a placeholder/],
  ] as [Record<string, string | undefined>, RegExp | undefined][])("is told in words: %j", (changes, words) => {
    const told = problems(changes);
    if (words === undefined) expect(told).toEqual([]);
    else expect(told.join("\n")).toMatch(words);
  });

  it("in the environment is two that differ", () => {
    expect(problems({}, undefined, "prod")).toEqual([expect.stringContaining("is dev, and HYOPS_ENV says prod")]);
  });

  it("in the site's id is told with the contract's", () => {
    const changes = { "site.id": "away", ...vms({ a: { interfaces: [nic] } }) };
    expect(problems(changes, site)).toEqual([expect.stringContaining("differs from the site contract's home")]);
  });

  it("in a bridge is told with the bridges that the site has", () => {
    expect(problems(vms({ a: { interfaces: [{ bridge: "vmbr9" }] } }), site).join()).toContain("which has vnetmgmt");
  });

  it("never comes alone when there are more: seven are seven", () => {
    const told = problems({
      template_state_ref: undefined,
      require_ipam: "true",
      env: "shared",
      ...vms({
        Bad_Name: { interfaces: [{ bridge: "vnetenv" }] },
        a: {},
        b: { interfaces: [{ bridge: "x", mac_address: "nonsense", ipv4: { address: "10.0.0.5/24" } }] },
      }),
    });
    expect(told, told.join("\n")).toHaveLength(7);
  });

  it("in the shape of a stack file is told for every field at once", () => {
    const told = problems(vms({ a: { cpu_cores: 0, memory_mb: "much", interfaces: [{ bridge: 3 }] } }));
    expect(told, told.join("\n")).toHaveLength(3);
  });
});
