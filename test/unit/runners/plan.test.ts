/**
 * What a runner stack decides from its configuration and the site contract, and everything that does not fit together in
 * one report. That the decisions become resources is proven in the component and engine rings.
 */
import { expect, test } from "vitest";
import { ConfigError, parseConfig } from "../../../lib/config/strict.ts";
import { siteContract } from "../../../lib/contracts/site.ts";
import { runnersConfig } from "../../../runners/config.ts";
import { planRunnerStack } from "../../../runners/plan.ts";

const place = { project: "runners", stack: "crunchy" };
const digest = "a".repeat(64);
const plainInstall = "sudo -n -u git forgejo --config /etc/forgejo/app.ini";

function configured(raw: Record<string, string>) {
  return parseConfig("runners", "crunchy", runnersConfig, { "host.address": "192.0.2.2", ...raw });
}

/** A home site with one bridge, unless something else is said. */
function siteWith(changes: Record<string, unknown> = {}) {
  return siteContract.schema.parse({
    contract: "site@1",
    siteId: "home",
    env: "shared",
    zone: "lan",
    networks: [
      {
        name: "lan",
        bridge: "br0",
        cidr: "192.0.2.0/24",
        gateway: "192.0.2.1",
        dns: ["192.0.2.53"],
        dhcp: { from: "192.0.2.100", to: "192.0.2.199" },
      },
    ],
    authorities: { forge: { url: "https://forge.example.org/", address: "198.51.100.9" } },
    gcpProjects: {},
    naming: {},
    ...changes,
  });
}

/** Keys and reasons of everything that is wrong. */
function problems(raw: Record<string, string>, site?: ReturnType<typeof siteWith>): string[] {
  try {
    planRunnerStack(configured(raw), site, place);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message.split("\n").slice(1);
  }
  return [];
}

test("without a site contract, host and forge address are enough: registered over SSH, DHCP, container", () => {
  const plan = planRunnerStack(configured({ "forge.address": "198.51.100.9" }), undefined, place);
  expect(plan).toMatchObject({
    owner: "site.runners.crunchy",
    name: "runner-crunchy",
    host: { host: "192.0.2.2", port: 22, user: "root", stack: "runners/crunchy" },
    forge: { address: "198.51.100.9" },
    forgeHost: { port: 22, user: "root", command: plainInstall, stack: "runners/crunchy" },
    forgeHostAddress: "198.51.100.9",
    network: { kind: "dhcp", dns: [] },
    address: undefined,
    execution: { kind: "container" },
    mode: "active",
  });
});

test.each([
  [{}, plainInstall],
  [{ user: "git" }, "forgejo --config /etc/forgejo/app.ini"],
  [{ user: "ops" }, plainInstall],
  [{ forgejoUser: "forgejo", forgejoConfig: "/srv/app.ini" }, "sudo -n -u forgejo forgejo --config /srv/app.ini"],
  [{ command: "docker exec -i -u git forgejo forgejo" }, "docker exec -i -u git forgejo forgejo"],
  [{ user: "ops", command: "docker exec -i -u git forgejo forgejo" }, "sudo -n docker exec -i -u git forgejo forgejo"],
  [{ user: "git", command: "/opt/forgejo --config /srv/app.ini" }, "/opt/forgejo --config /srv/app.ini"],
])("what is configured of the forge host, %j, is one command", (given, command) => {
  const keys = Object.entries(given).map(([key, value]) => [`forge.ssh.${key}`, value]);
  const raw = { "forge.address": "198.51.100.9", ...Object.fromEntries(keys) };
  expect(planRunnerStack(configured(raw), undefined, place).forgeHost?.command).toBe(command);
});

test("two ways to say where the forge's configuration is, and characters of a shell, are refused", () => {
  const both = { "forge.ssh.command": "forgejo", "forge.ssh.forgejoConfig": "/srv/app.ini" };
  expect(problems({ "forge.address": "198.51.100.9", ...both })).toEqual([
    expect.stringContaining("forge.ssh.forgejoConfig: is not used beside forge.ssh.command"),
  ]);
  for (const command of ["forgejo; reboot", "$(reboot)", "forgejo | tee x", "a  b", "forgejo\nreboot", "'forgejo'"]) {
    expect(() => configured({ "forge.ssh.command": command })).toThrow("words without characters of a shell");
  }
  for (const path of ["app.ini", "/srv/app.ini; reboot", "/srv/my app.ini"]) {
    expect(() => configured({ "forge.ssh.forgejoConfig": path })).toThrow("an absolute path");
  }
});

test("with an API token nothing goes over SSH to the forge host", () => {
  const raw = { "forge.url": "https://forge.example.org", "forge.token": "secret" };
  expect(planRunnerStack(configured(raw), undefined, place)).toMatchObject({
    forge: { url: "https://forge.example.org" },
    forgeHost: undefined,
  });
});

test("the site contract fills in the site's id, forge, gateway and name servers", () => {
  const plan = planRunnerStack(configured({ "vm.ipCidr": "192.0.2.16/24" }), siteWith(), place);
  expect(plan).toMatchObject({
    owner: "home.runners.crunchy",
    forge: { url: "https://forge.example.org" },
    forgeHostAddress: "198.51.100.9",
    network: { kind: "static", cidr: "192.0.2.16/24", gateway: "192.0.2.1", dns: ["192.0.2.53"] },
    address: "192.0.2.16",
  });
});

test("what is configured goes before what the site says", () => {
  const raw = {
    "forge.url": "https://other.example.org",
    "vm.ipCidr": "192.0.2.16/24",
    "vm.gateway": "192.0.2.254",
    "vm.dns": "9.9.9.9",
    "vm.name": "foundation-runner-02",
  };
  expect(planRunnerStack(configured(raw), siteWith(), place)).toMatchObject({
    name: "foundation-runner-02",
    forge: { url: "https://other.example.org" },
    network: { gateway: "192.0.2.254", dns: ["9.9.9.9"] },
  });
});

test("everything that does not fit together is in one report", () => {
  const raw = {
    "site.id": "office",
    "vm.bridge": "br7",
    "vm.ipCidr": "192.0.2.16/24",
    "runner.binary.url": "https://example.org/forgejo-runner",
  };
  expect(problems(raw, siteWith({ authorities: {} }))).toEqual([
    "  - runners:site.id: differs from the site contract's home",
    "  - runners:forge.address: is required: pulumi config set forge.address <address of the forge host>",
    "  - runners:runner.binary.sha256: is required: the two belong together",
    "  - runners:vm.bridge: is not a bridge of the site, which has br0",
    "  - runners:vm.gateway: is required with vm.ipCidr where the site contract has none",
  ]);
});

test.each([
  ["198.51.100.9", "the host of the forge"],
  ["192.0.2.10", "the hypervisor"],
  ["192.0.2.53", "a name server (vm.dns)"],
])("a VM at %s is refused: that is %s", (address, whose) => {
  const raw = { "forge.address": "198.51.100.9", "host.address": "192.0.2.10", "vm.dns": "192.0.2.53" };
  const given = { ...raw, "vm.ipCidr": `${address}/24`, "vm.gateway": address.replace(/\d+$/, "1") };
  expect(problems(given).join("\n")).toContain(
    `runners:vm.ipCidr: cannot be the VM's: ${address} is ${whose}; pulumi config set vm.ipCidr`,
  );
});

const forge = { "forge.address": "198.51.100.9" };

test.each([
  ["a digest without its program", { "runner.binary.sha256": digest }, "runner.binary.url: is required"],
  [
    "a gateway outside the network",
    { "vm.ipCidr": "192.0.2.16/24", "vm.gateway": "198.51.100.1" },
    "vm.gateway: is outside",
  ],
  [
    "the gateway's own address",
    { "vm.ipCidr": "192.0.2.1/24", "vm.gateway": "192.0.2.1" },
    "vm.ipCidr: is the gateway's",
  ],
  [
    "the network's own address",
    { "vm.ipCidr": "192.0.2.0/24", "vm.gateway": "192.0.2.1" },
    "vm.ipCidr: is the network's own",
  ],
  [
    "the broadcast address",
    { "vm.ipCidr": "192.0.2.255/24", "vm.gateway": "192.0.2.1" },
    "vm.ipCidr: is the network's own",
  ],
  ["no gateway at all", { "vm.ipCidr": "192.0.2.16/24" }, "vm.gateway: is required"],
])("%s is refused", (_what, raw, reason) => {
  expect(problems({ ...forge, ...raw })).toEqual([expect.stringContaining(`runners:${reason}`)]);
});

test.each([
  [
    "outside the bridge's network",
    "198.51.100.16/24",
    ["vm.gateway: is outside", "vm.ipCidr: is outside 192.0.2.0/24"],
  ],
  [
    "at the start of the DHCP range",
    "192.0.2.100/24",
    ["vm.ipCidr: lies in the DHCP range 192.0.2.100 to 192.0.2.199"],
  ],
  ["at the end of the DHCP range", "192.0.2.199/24", ["vm.ipCidr: lies in the DHCP range"]],
])("an address %s is refused", (_what, cidr, reasons) => {
  expect(problems({ "vm.ipCidr": cidr }, siteWith())).toEqual(
    reasons.map((reason) => expect.stringContaining(`runners:${reason}`)),
  );
});

test.each(["192.0.2.99/24", "192.0.2.200/24"])("%s, beside the DHCP range, is accepted", (cidr) => {
  expect(problems({ "vm.ipCidr": cidr }, siteWith())).toEqual([]);
});

test("a stack name that is illegal in an owner mark is refused with an example of a legal one", () => {
  expect(() => planRunnerStack(configured(forge), undefined, { project: "runners", stack: "Crunchy_1" })).toThrow(
    "owner mark: stack must be lower-case letters, digits and single hyphens",
  );
});

test("a program with its digest is run by systemd instead of the image", () => {
  const url = "https://example.org/forgejo-runner";
  const raw = { ...forge, "runner.binary.url": url, "runner.binary.sha256": digest };
  expect(planRunnerStack(configured(raw), undefined, place).execution).toEqual({ kind: "binary", url, sha256: digest });
});

test("a VM is bound to its static address, or must not pass itself off as a machine of the site", () => {
  const identity = (raw: Record<string, string>) => {
    const plan = planRunnerStack(configured(raw), siteWith(), place);
    const policy = plan.egress?.("https://forge.example.org");
    return policy && plan.identity(policy);
  };
  expect(identity({ "vm.ipCidr": "192.0.2.16/24", "vm.gateway": "192.0.2.1" })).toEqual({
    address: "192.0.2.16",
    known: [],
  });
  expect(identity({})?.known).toEqual(expect.arrayContaining(["192.0.2.53", "forge.example.org"]));
});

test("the site's public addresses, of the contract and of the stack, do not count as the internet", () => {
  const site = { ...siteWith(), publicAddresses: ["198.51.100.7"] };
  const config = configured({ "runner.egress.sitePublicAddresses": "198.51.100.64/29" });
  const closed = planRunnerStack(config, site, place).egress?.("https://forge.example.org").closed;
  expect(closed).toEqual(expect.arrayContaining(["198.51.100.7/32", "198.51.100.64/29"]));
});

test("jobs are fenced unless it is said otherwise, and an IPv6 forge and the fence do not go together", () => {
  const plan = (raw: Record<string, string>) => planRunnerStack(configured(raw), siteWith(), place);
  const policy = plan({ "runner.egress.allow": "192.0.2.7:5000" }).egress?.("https://forge.example.org");
  expect(policy?.closed).toContain("192.0.2.0/24");
  expect(policy?.exceptions).toContainEqual({ host: "192.0.2.53", protocol: "any", port: 53 });
  expect(policy?.exceptions).toContainEqual({ host: "192.0.2.7", protocol: "tcp", port: 5000 });
  expect(plan({ "runner.egress.policy": "open" }).egress).toBeUndefined();
  const ipv6 = { "forge.url": "https://[2001:db8::9]" };
  expect(problems(ipv6, siteWith()).join()).toContain("runner.egress.policy");
  expect(problems({ ...ipv6, "runner.egress.policy": "open" }, siteWith())).toEqual([]);
});

test("jobs run in containers of their own, from an image with a digest, unless a label says otherwise, which is warned of", () => {
  expect(configured(forge)["runner.jobImage"]).toMatch(/^docker\.io\/library\/node:\S+@sha256:[0-9a-f]{64}$/);
  expect(planRunnerStack(configured(forge), undefined, place)).toMatchObject({
    labelNames: ["fenced"],
    warnings: [],
    execution: { image: expect.stringMatching(/runner:1[2-9][\w.]*@sha256:/) },
  });
  const mixed = configured({ ...forge, "runner.labels": "fenced,own:host,heavy:docker://node:22" });
  expect(planRunnerStack(mixed, undefined, place)).toMatchObject({
    labelNames: ["fenced", "own", "heavy"],
    warnings: [expect.stringMatching(/^runner\.labels has own:host: .* can read the runner's token/)],
  });
});
