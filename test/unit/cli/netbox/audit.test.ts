/**
 * The comparison behind `holdfast netbox audit`: each way in which both sides can differ is found, once, and what is kept on
 * purpose is not called wrong.
 *
 * Not proven here: that NetBox and states are read rightly (the engine ring).
 */
import { expect, test } from "vitest";
import { believedIn } from "../../../../cli/netbox/audit.ts";
import {
  type AuditInput,
  audit,
  type HeldAddress,
  type HeldMachine,
  hostOf,
} from "../../../../cli/netbox/audit-plan.ts";
import { identityDigest } from "../../../../lib/netbox/identity.ts";

const stack = "platform-vm/dev-apps";
const owner = "home.platform-vm.dev-apps";
const now = Date.parse("2026-03-01T00:00:00Z");

const address: HeldAddress = {
  ...{
    id: 1,
    address: "10.60.0.5/24",
    status: "active",
    vrf: null,
    identity: "d1",
    identityText: "onprem/dev/app-01/b/1",
  },
  ...{ owner, releaseAfter: "", machineId: 1 },
};
const machine: HeldMachine = {
  ...{ id: 1, name: "app-01", externalId: "proxmox:home:104", owner, retired: false },
  lastUpdated: "2026-02-01T00:00:00Z",
};

type Change = Partial<Omit<AuditInput, "held">> & { held?: Partial<AuditInput["held"]> };

/** Both sides agree, but for what is given. */
function input(change: Change = {}): AuditInput {
  const { held, ...rest } = change;
  return {
    addresses: [{ stack, id: 1, address: "10.60.0.5/24", identity: "d1", owner }],
    machines: [{ stack, id: 1, name: "app-01", externalId: "proxmox:home:104", owner }],
    owners: new Set([owner]),
    others: new Set([stack, "platform-vm/prod-apps"]),
    now,
    staleDays: 30,
    ...rest,
    held: { addresses: [address], machines: [machine], ...held },
  };
}

const found = (change: Change) => audit(input(change)).map(({ kind, status }) => [kind, status]);

test("nothing is found where both sides agree", () => {
  expect(audit(input())).toEqual([]);
});

test.each<[string, Change, [string, string][]]>([
  ["an address that is gone", { held: { addresses: [] } }, [["missing", "failed"]]],
  ["a record that is gone", { held: { machines: [] } }, [["missing", "failed"]]],
  [
    "an address without its identity",
    { held: { addresses: [{ ...address, identity: "", owner: "" }] } },
    [["foreign", "failed"]],
  ],
  [
    "an address that became another",
    { held: { addresses: [{ ...address, address: "10.60.0.9/24" }] } },
    [["foreign", "failed"]],
  ],
  [
    "a second record of an address, by hand and without a mark",
    { held: { addresses: [address, { ...address, id: 2, address: "10.60.0.5/32", identity: "", owner: "" }] } },
    [["foreign", "failed"]],
  ],
  [
    "the same address in another VRF, which is another one",
    { held: { addresses: [address, { ...address, id: 2, vrf: 7, identity: "", owner: "" }] } },
    [],
  ],
  ["an address in no state", { addresses: [] }, [["orphan", "failed"]]],
  ["a record in no state", { machines: [] }, [["orphan", "failed"]]],
  [
    "an address kept for a VM that is gone, on its retired record",
    { addresses: [], machines: [], held: { machines: [{ ...machine, retired: true }] } },
    [
      ["kept", "ok"],
      ["kept", "ok"],
    ],
  ],
  [
    "a retired record that is too old",
    { machines: [], held: { machines: [{ ...machine, retired: true, lastUpdated: "2026-01-29T23:59:00Z" }] } },
    [["stale", "failed"]],
  ],
  [
    "a retired record of a VM that stands",
    { held: { machines: [{ ...machine, retired: true }] } },
    [["retired", "failed"]],
  ],
  [
    "a record of another VM",
    { held: { machines: [{ ...machine, externalId: "proxmox:home:105" }] } },
    [["foreign", "failed"]],
  ],
  ["a record that somebody else took", { held: { machines: [{ ...machine, owner: "" }] } }, [["foreign", "failed"]]],
  [
    "an address in quarantine",
    {
      addresses: [],
      held: { addresses: [{ ...address, status: "deprecated", releaseAfter: "2026-03-01T00:30:00Z" }] },
    },
    [["released", "ok"]],
  ],
  [
    "an address whose quarantine is over",
    {
      addresses: [],
      held: { addresses: [{ ...address, status: "deprecated", releaseAfter: "2026-02-28T23:30:00Z" }] },
    },
    [["released", "warning"]],
  ],
  [
    "an identity in two records",
    { held: { addresses: [address, { ...address, id: 2, address: "10.60.0.6/24", owner: "" }] } },
    [["duplicate", "failed"]],
  ],
  [
    "an external id in two records",
    { held: { machines: [machine, { ...machine, id: 2, owner: "" }] } },
    [["duplicate", "failed"]],
  ],
  [
    "records of an owner that was not looked at",
    { held: { machines: [machine, { ...machine, id: 2, externalId: "x", owner: "home.platform-vm.prod-apps" }] } },
    [["unknown-owner", "warning"]],
  ],
])("%s", (_what, change, expected) => {
  expect(found(change)).toEqual(expected);
});

test("what is wrong says where, whose it is and what to do; the worst comes first", () => {
  const stranger = { ...address, id: 2, owner: "home.platform-vm.prod-apps", identity: "d2" };
  const [first, last] = audit(input({ held: { addresses: [address, stranger] } }));
  expect(first).toEqual({
    ...{ kind: "foreign", status: "failed", what: `${stack}: address 10.60.0.5/24` },
    found: `has another record in NetBox: 10.60.0.5/24 (id 2, active, onprem/dev/app-01/b/1, owner home.platform-vm.prod-apps)`,
    fix: "delete address 2 in NetBox, once nobody uses it",
  });
  expect(last).toMatchObject({ found: "1 not compared: the stack was not looked at" });
});

test("an address whose identity another record holds says which one", () => {
  const [missing] = audit(input({ held: { addresses: [{ ...address, id: 9, address: "10.60.0.7/24" }] } }));
  expect(missing?.found).toContain("is not in NetBox (id 1); its identity has 10.60.0.7/24 (id 9");
});

test("a state's resources of NetBox are read, and its owner marks: the configured one and those of before", () => {
  const identity = { zone: "onprem", env: "dev", vm: "app-01", bridge: "b", nic: 1 };
  const resources = [
    {
      urn: "a",
      type: "holdfast:netbox:IpReservation",
      outputs: { identity, owner: "old", address: "10.60.0.5/24", addressId: 1 },
    },
    {
      urn: "b",
      type: "holdfast:netbox:VirtualMachineRecord",
      outputs: { recordId: 2, name: "n", externalId: "e", owner },
    },
    { urn: "c", type: "holdfast:netbox:VirtualMachineRecord", outputs: {} },
    { urn: "d", type: "holdfast:ssh:Readiness", outputs: { recordId: 3 } },
  ];
  expect(believedIn(stack, resources, owner)).toEqual({
    stack,
    addresses: [{ stack, id: 1, address: "10.60.0.5/24", identity: identityDigest(identity), owner: "old" }],
    machines: [{ stack, id: 2, name: "n", externalId: "e", owner }],
    owners: [owner, "old"],
  });
});

test("addresses are compared by host, whatever the spelling", () => {
  expect(hostOf("10.60.0.5/24")).toBe("10.60.0.5");
  expect(hostOf("2001:DB8:0::1/64")).toBe(hostOf("2001:db8::1"));
});
