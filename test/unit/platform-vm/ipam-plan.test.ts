/**
 * What a pool under IPAM comes to: out of which network each card's address is reserved and for whom, or every mistake at once
 * in the words of the runbook. Proves nothing of NetBox itself.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../lib/config/strict.ts";
import type { Netbox } from "../../../lib/contracts/netbox.ts";
import type { Site, SiteNetwork } from "../../../lib/contracts/site.ts";
import { identityDigest, identityText } from "../../../lib/netbox/identity.ts";
import { customFields } from "../../../lib/netbox/names.ts";
import { poolSize, staticPool } from "../../../lib/netbox/static-pool.ts";
import { contains, ipv4Number, ipv4Text } from "../../../lib/network/ipv4.ts";
import { platformVmConfig } from "../../../platform-vm/config.ts";
import { planPool } from "../../../platform-vm/plan.ts";

const network: SiteNetwork = {
  name: "dev",
  bridge: "vnetdev",
  cidr: "10.60.0.0/24",
  gateway: "10.60.0.1",
  dns: [],
  dhcp: { from: "10.60.0.100", to: "10.60.0.199" },
};

const data: SiteNetwork = {
  ...{ name: "data", bridge: "vnetddev", cidr: "10.61.0.0/24", gateway: "10.61.0.1", dns: [] },
  pool: { from: "10.61.0.10", to: "10.61.0.20" },
};

const site: Site = {
  contract: "site@1",
  siteId: "home",
  env: "dev",
  zone: "onprem",
  networks: [network, data],
  authorities: { proxmox: { url: "https://pve.example.org:8006", address: "10.10.0.2" } },
  gcpProjects: {},
  naming: {},
};

const netbox: Netbox = {
  contract: "netbox@1",
  url: "https://netbox.example.org",
  version: "4.7.3",
  customFields: customFields.map(({ name }) => name),
  tags: [],
  secretKey: "netbox.token",
};

const base: Record<string, string> = {
  env: "dev",
  "proxmox.endpoint": "https://pve1.example.org:8006",
  "proxmox.token": "root@pam!ci=0f6c2c1e-0000-4000-8000-000000000000",
  template_state_ref: "core/onprem/template-image",
  addressing: '{"mode":"ipam","ipam":{"provider":"netbox"}}',
  "netbox.file": "../netbox.json",
  "netbox.token": "0123456789012345678901234567890123456789",
};

const two = { interfaces: [{ bridge: "vnetenv" }, { bridge: "vnetenvdata", ipv4: {} }] };

function plan(
  vms: object,
  changes: Record<string, string | undefined> = {},
  from: Site | undefined = site,
  ready = netbox,
) {
  const raw = Object.entries({ ...base, vms: JSON.stringify(vms), ...changes });
  const given = raw.filter((entry): entry is [string, string] => entry[1] !== undefined);
  const config = parseConfig("platform-vm", "dev-apps", platformVmConfig, Object.fromEntries(given));
  return planPool(config, from, { project: "platform-vm", stack: "dev-apps" }, "", ready);
}

function problems(...args: Parameters<typeof plan>): string {
  try {
    plan(...args);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

describe("a pool under IPAM", () => {
  it("reserves an address for every card, of the static pool of its bridge, and gives the first one the gateway", () => {
    const { vms, ipam } = plan({ "pgha-01": two });
    const [first, second] = vms[0]?.nics ?? [];
    const who = { zone: "onprem", env: "dev", vm: "pgha-01" };
    const pool = { subnet: "10.60.0.0/24", gateway: "10.60.0.1", from: "10.60.0.2", to: "10.60.0.99" };
    const reservation = { identity: { ...who, bridge: "vnetdev", nic: 1 }, pool };
    expect(first).toEqual({ bridge: "vnetdev", gateway: "10.60.0.1", reservation });
    expect(second?.gateway).toBeUndefined();
    expect(second?.reservation?.identity).toEqual({ ...who, bridge: "vnetddev", nic: 2 });
    expect(ipam).toMatchObject({ cluster: "onprem-dev", releaseOnDelete: false, quarantineSeconds: 3600 });
  });

  it("reaches NetBox over the jump host that is named, and over the Proxmox host last", () => {
    const { ipam } = plan(
      { "pgha-01": two },
      { ssh_proxy_jump_host: "bastion.example.org", ssh_proxy_jump_user: "ops" },
    );
    expect(ipam?.jumps.map(({ user, host }) => `${user}@${host}`)).toEqual([
      "ops@bastion.example.org",
      "root@10.10.0.2",
    ]);
  });

  it("keeps an explicit address for the reservation to compare, and its gateway where it is the subnet's", () => {
    const ipv4 = { address: "10.60.0.7/24", gateway: "10.60.0.1" };
    const { vms } = plan({ "pgha-01": { interfaces: [{ bridge: "vnetdev", ipv4 }] } });
    expect(vms[0]?.nics[0]).toMatchObject({ gateway: "10.60.0.1", reservation: { address: "10.60.0.7/24" } });
    expect(vms[0]?.nics[0]?.address).toBeUndefined();
  });

  it("has another identity in another environment, on the same bridge", () => {
    const on = { interfaces: [{ bridge: "vnetdev" }] };
    const identities = ["dev", "staging"].map(
      (env) => plan({ "pgha-01": on }, { env }).vms[0]?.nics[0]?.reservation?.identity,
    );
    expect(new Set(identities.map((one) => one && identityDigest(one))).size).toBe(2);
  });

  const nic = (ipv4: object, bridge = "vnetdev") => ({ "pgha-01": { interfaces: [{ bridge, ipv4 }] } });
  it.each([
    [[nic({ address: "dhcp" })], /ipv4\.address must not be dhcp when inputs\.addressing\.mode=ipam/],
    [
      [nic({ address: "10.99.0.7/24" })],
      /explicit IPAM address 10\.99\.0\.7\/24 is outside the authoritative subnet 10\.60/,
    ],
    [[nic({ address: "10.60.0.7/25" })], /explicit IPAM address 10\.60\.0\.7\/25 is outside the authoritative subnet/],
    [
      [nic({ gateway: "10.60.0.9" })],
      /ipv4\.gateway 10\.60\.0\.9 is not that of IPAM: the subnet of vnetdev has 10\.60\.0\.1/,
    ],
    [[nic({}, "vnetprod")], /vnetprod is not a bridge of the site/],
    [
      [{ "pgha-01": two }, { "netbox.token": undefined }],
      /requires NETBOX_API_TOKEN\. Run: holdfast secrets ensure platform-vm\/dev-apps/,
    ],
    [
      [{ "pgha-01": two }, { "netbox.file": undefined }],
      /missing NetBox details: ipam requires netbox ready.*holdfast netbox bootstrap/,
    ],
  ] as [Parameters<typeof plan>, RegExp][])("says what cannot be: %#", (args, words) => {
    expect(problems(...args)).toMatch(words);
  });

  it("says all at once what is missing around it", () => {
    const text = problems(
      { "pgha-01": two },
      { "netbox.token": undefined, "netbox.file": undefined },
      { ...site, networks: [] },
    );
    expect(text).toMatch(/netbox\.token.*/);
    expect(text).toMatch(/netbox\.file.*/);
    expect(text).toMatch(/ipam cannot map bridge='vnetdev' to a subnet from the site contract\. Known vnets: \[\]/);
  });

  it("does not take the contract of a NetBox that lacks one of our fields", () => {
    const [first = "", ...others] = netbox.customFields;
    const older = { ...netbox, customFields: others };
    expect(problems({ "pgha-01": two }, {}, site, older)).toContain(
      `without ${first}; run again: holdfast netbox bootstrap`,
    );
  });

  it("does not take the contract of another NetBox than the site's", () => {
    const elsewhere = { ...site, authorities: { ...site.authorities, netbox: { url: "https://other.example.org/" } } };
    expect(problems({ "pgha-01": two }, {}, elsewhere)).toMatch(
      /is of the NetBox at https:\/\/netbox\.example\.org, and the site's/,
    );
  });
});

describe("a static pool", () => {
  it.each([
    [{ gateway: undefined }, /requires cidr\/gateway\/dhcp_range_start in subnet for bridge=vnetdev/],
    [{ dhcp: undefined }, /requires cidr\/gateway\/dhcp_range_start/],
    [{ gateway: "10.61.0.1" }, /gateway 10\.61\.0\.1 not inside prefix 10\.60\.0\.0\/24/],
    [{ dhcp: { from: "10.62.0.9", to: "10.62.0.10" } }, /dhcp_range_start 10\.62\.0\.9 not inside prefix/],
    [
      { gateway: "10.60.0.254" },
      /invalid static pool for 10\.60\.0\.0\/24: start 10\.60\.0\.255 > end 10\.60\.0\.99.*state pool/,
    ],
    [{ pool: { from: "10.60.0.1", to: "10.60.0.9" } }, /has the gateway 10\.60\.0\.1 in it/],
    [{ pool: { from: "10.60.0.90", to: "10.60.0.120" } }, /overlaps the DHCP range/],
    [
      { pool: { from: "10.60.0.200", to: "10.60.0.255" } },
      /has 10\.60\.0\.255 in it, the network's own or its broadcast/,
    ],
  ] as [Partial<SiteNetwork>, RegExp][])("is refused: %j", (changes, words) => {
    const found = staticPool({ ...network, ...changes } as SiteNetwork);
    expect("problems" in found && found.problems.join("\n")).toMatch(words);
  });

  it("never has gateway, edges or DHCP in it, and nothing outside its network", () => {
    const inside = fc.integer({ min: 0, max: 255 }).map((last) => ipv4Text(ipv4Number("10.60.0.0") + last));
    const ranges = fc.tuple(inside, inside).map(([from, to]) => ({ from, to }));
    fc.assert(
      fc.property(inside, ranges, fc.option(ranges, { nil: undefined }), (gateway, dhcp, pool) => {
        const found = staticPool({ ...network, gateway, dhcp, pool });
        if ("problems" in found) return;
        const [first, last] = [ipv4Number(found.from), ipv4Number(found.to)];
        const has = (address: string) => first <= ipv4Number(address) && ipv4Number(address) <= last;
        expect(poolSize(found)).toBeGreaterThan(0);
        expect([gateway, "10.60.0.0", "10.60.0.255", dhcp.from, dhcp.to].filter(has)).toEqual([]);
        expect(contains(network.cidr, found.from) && contains(network.cidr, found.to)).toBe(true);
      }),
    );
  });
});

it("two identities have one digest only when they are one, whatever is in their parts", () => {
  const part = fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom("a", "/", '"', ",", "-") });
  const identity = fc.record({ zone: part, env: part, vm: part, bridge: part, nic: fc.integer({ min: 1, max: 3 }) });
  fc.assert(
    fc.property(identity, identity, (one, other) => {
      const same = JSON.stringify(one) === JSON.stringify(other);
      expect(identityDigest(one) === identityDigest(other)).toBe(same);
    }),
  );
  expect(identityText({ zone: "onprem", env: "dev", vm: "pgha-01", bridge: "vnetdev", nic: 1 })).toBe(
    "onprem/dev/pgha-01/vnetdev/1",
  );
});
