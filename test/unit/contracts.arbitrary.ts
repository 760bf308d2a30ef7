/**
 * Values that contracts may carry, for property tests.
 */
import fc from "fast-check";

/** Lower-case letters, digits and single hyphens, as every part of an owner mark. */
export const namePart = fc.stringMatching(/^[a-z0-9]{1,6}(-[a-z0-9]{1,4})?$/);

const optional = { noNullPrototype: true } as const;

const network = fc.record(
  {
    name: fc.string({ minLength: 1, maxLength: 12 }),
    bridge: fc.stringMatching(/^[\w.-]{1,15}$/),
    cidr: fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 32 })).map(([address, length]) => `${address}/${length}`),
    gateway: fc.ipV4(),
    dns: fc.array(fc.ipV4(), { maxLength: 3 }),
    dhcp: fc.record({ from: fc.ipV4(), to: fc.ipV4() }, optional),
    vlan: fc.integer({ min: 1, max: 4094 }),
  },
  { ...optional, requiredKeys: ["name", "bridge", "cidr"] },
);

const authority = fc.record(
  { url: fc.domain().map((name) => `https://${name}`), address: fc.domain(), secretKey: fc.constant("forge.token") },
  { ...optional, requiredKeys: ["url"] },
);

const proxmox = fc.record(
  {
    ...{
      url: fc.domain().map((name) => `https://${name}:8006`),
      address: fc.ipV4(),
      secretKey: fc.constant("proxmox.token"),
    },
    ...{
      port: fc.integer({ min: 1, max: 65535 }),
      hostKey: fc.base64String({ minLength: 4 }).map((key) => `ssh-ed25519 ${key}`),
    },
    ...{ node: namePart, storages: fc.array(namePart, { minLength: 1, maxLength: 3 }) },
  },
  { ...optional, requiredKeys: ["url"] },
);

/** Anything that a foundation may export. */
export const site = fc.record(
  {
    contract: fc.constant("site@1" as const),
    siteId: namePart,
    env: fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/),
    zone: fc.string({ minLength: 1, maxLength: 8 }),
    networks: fc.array(network, { maxLength: 3 }),
    authorities: fc.record({ forge: authority, netbox: authority, proxmox }, { ...optional, requiredKeys: [] }),
    gcpProjects: fc.record(
      { host: namePart, control: namePart, workload: namePart },
      { ...optional, requiredKeys: [] },
    ),
    naming: fc.record({ prefix: namePart }, { ...optional, requiredKeys: [] }),
  },
  optional,
);

/** Anything that a runner stack may export. */
export const fleet = fc.record(
  {
    contract: fc.constant("fleet@1" as const),
    host: fc.oneof(fc.ipV4(), fc.domain()),
    address: fc.ipV4(),
    runner: fc.record(
      {
        uuid: fc.uuid(),
        name: namePart,
        labels: fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 4 }),
        forgeUrl: fc.webUrl(),
      },
      optional,
    ),
    mode: fc.constantFrom("active" as const, "standby" as const),
  },
  optional,
);

const template = fc.record(
  {
    vmId: fc.integer({ min: 100, max: 999_999_999 }),
    name: namePart,
    node: namePart,
    digest: fc.oneof(
      fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`),
      fc.stringMatching(/^[0-9a-f]{128}$/).map((hex) => `sha512:${hex}`),
    ),
    vendorDataFileId: fc.stringMatching(/^[a-z]{1,5}:snippets\/[a-z-]{1,8}\.yaml$/),
  },
  { ...optional, requiredKeys: ["vmId", "name", "node", "digest"] },
);

/** Anything that a template stack may export. */
export const templates = fc.record(
  {
    contract: fc.constant("templates@1" as const),
    templates: fc.dictionary(fc.constantFrom("debian-12", "rocky-9", "rocky-10", "ubuntu-22.04"), template, optional),
  },
  optional,
);

const way = fc.record(
  {
    host: fc.ipV4(),
    port: fc.integer({ min: 1, max: 65535 }),
    user: namePart,
    hostKey: fc.constant("ssh-ed25519 AAAA"),
  },
  { ...optional, requiredKeys: ["host", "port", "user"] },
);

/** Anything that a stack of an operations runner may export. */
export const runner = fc.record(
  {
    contract: fc.constant("runner@1" as const),
    env: fc.constantFrom("", "dev", "shared"),
    place: fc.constantFrom("onprem" as const, "gcp" as const),
    failureDomain: namePart,
    direction: fc.constantFrom("failover" as const, "failback" as const),
    vm: fc.record({ key: namePart, name: namePart, address: fc.ipV4(), identity: fc.uuid() }, optional),
    access: fc.record(
      {
        ...{ user: namePart, port: fc.integer({ min: 1, max: 65535 }), hostKey: fc.constantFrom("", "ssh-rsa AAAA") },
        ...{
          direct: fc.boolean(),
          jump: way,
          bastion: way,
          knownHosts: fc.tuple(namePart, namePart).map((parts) => parts.join("/")),
        },
      },
      { ...optional, requiredKeys: ["user", "port", "hostKey", "direct", "knownHosts"] },
    ),
    prefix: namePart.map((name) => `/opt/${name}`),
    releaseDigest: fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`),
    capability: fc.constantFrom("ready" as const, "absent" as const),
    status: fc.constantFrom("ok" as const, "absent" as const),
    evidenceDir: fc.string(),
    runId: fc.string(),
  },
  optional,
);
