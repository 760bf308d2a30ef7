/**
 * What is made of address records that NetBox gives: which one is an identity's, what has to change in it, and who holds a pool.
 */
import { expect, test } from "vitest";
import { identityDigest, identityText } from "../../../../lib/netbox/identity.ts";
import { holdersText } from "../../../../provider/netbox/holders.ts";
import type { IpAddress } from "../../../../provider/netbox/ip-address.ts";
import { Once } from "../../../../provider/netbox/once.ts";
import { isOver } from "../../../../provider/netbox/quarantine.ts";
import { amendment, assertFits, differences, onlyRecord } from "../../../../provider/netbox/reservation.ts";

const url = "https://netbox.example.org";
const identity = { zone: "onprem", env: "dev", vm: "app-01", bridge: "vnetdev", nic: 1 };
const owner = "home-1.platform-vm.dev";
const pool = { subnet: "10.60.0.0/28", from: "10.60.0.2", to: "10.60.0.9" };
const reservation = { identity, owner, pool, dnsName: "App-01.example.org" };

/** A record as a reservation leaves it, with changes. */
function record(change: Partial<IpAddress> = {}, fields: Partial<IpAddress["custom_fields"]> = {}): IpAddress {
  return {
    id: 12,
    address: "10.60.0.5/28",
    status: { value: "reserved" },
    vrf: null,
    dns_name: "app-01.example.org",
    description: "",
    assigned_object_type: null,
    assigned_object: null,
    last_updated: "2026-01-01T00:00:00Z",
    ...change,
    custom_fields: {
      holdfast_identity: identityDigest(identity),
      holdfast_identity_text: identityText(identity),
      holdfast_owner: owner,
      holdfast_release_after: null,
      ...fields,
    },
  };
}

test("a record as it was left needs no change, active or reserved", () => {
  for (const value of ["reserved", "active"]) {
    const row = record({ status: { value } });
    expect(amendment(row, reservation)).toBeUndefined();
    expect(differences(row, reservation, row.address)).toEqual([]);
    assertFits(row, reservation, url);
  }
});

test("a record out of quarantine is reserved again, and only what differs is sent", () => {
  const row = record({ status: { value: "deprecated" } }, { holdfast_release_after: "2026-01-01T00:00:00Z" });
  expect(amendment(row, reservation)).toEqual({ status: "reserved", custom_fields: { holdfast_release_after: null } });
});

test("several records of one identity stop everything, each with its number and address", () => {
  const rows = [record(), record({ id: 13, address: "10.60.0.6/28" })];
  expect(() => onlyRecord(rows, reservation, url)).toThrow(
    /has 2 addresses for onprem\/dev\/app-01\/vnetdev\/1: record 12 \(10\.60\.0\.5\/28, .* record 13 \(10\.60\.0\.6\/28, .*Keep the one that the VM has/,
  );
  expect(onlyRecord([], reservation, url)).toBeUndefined();
});

test.each([
  ["10.60.1.5/28", /outside the subnet 10\.60\.0\.0\/28/],
  ["10.60.0.5/24", /not recorded with the prefix length/],
  ["10.60.0.12/28", /outside the addresses that are given out, 10\.60\.0\.2–10\.60\.0\.9/],
])("a record with %s does not fit, and it is said what to do", (address, words) => {
  expect(() => assertFits(record({ address }), reservation, url)).toThrow(words);
  expect(() => assertFits(record({ address }), reservation, url)).toThrow(/delete record 12, and run pulumi up/);
});

test("a quarantine is over at its time, for what holdfast released and nobody has put to use", () => {
  const released = { holdfast_release_after: "2026-01-01T00:00:00Z" };
  const time = Date.parse(released.holdfast_release_after);
  const status = { value: "deprecated" };
  expect(isOver(record({ status }, released), time)).toBe(true);
  expect(isOver(record({ status }, released), time - 1)).toBe(false);
  expect(isOver(record({ status }), time)).toBe(false);
  expect(isOver(record({}, released), time)).toBe(false);
  expect(isOver(record({ status, assigned_object: { id: 1 } }, released), time)).toBe(false);
  expect(isOver(record({ status }, { ...released, holdfast_identity: null }), time)).toBe(false);
});

test("the holders of a pool are told by owner, those with the most first, a few of them by name", () => {
  const many = [1, 2, 3, 4, 5].map((n) => record({ id: n }, { holdfast_identity_text: `vm-${n}` }));
  const foreign = record(
    { address: "10.60.0.9/28", dns_name: "printer" },
    { holdfast_owner: null, holdfast_identity_text: null },
  );
  const quarantined = record(
    { status: { value: "deprecated" } },
    { holdfast_owner: "home-1.platform-vm.old", holdfast_release_after: "2026-01-01T00:00:00Z" },
  );
  expect(holdersText([foreign, ...many, quarantined])).toBe(
    "home-1.platform-vm.dev: 5 (vm-1, vm-2, vm-3, 2 more); others than holdfast: 1 (10.60.0.9 printer); " +
      "home-1.platform-vm.old: 1 (onprem/dev/app-01/vnetdev/1 in quarantine until 2026-01-01T00:00:00.000Z)",
  );
});

test("work is done once for all who ask, and again after a failure", async () => {
  const once = new Once<number>();
  let calls = 0;
  const work = async () => {
    if (++calls === 1) throw new Error("not yet");
    return calls;
  };
  await expect(Promise.all([once.get("a", work), once.get("a", work)])).rejects.toThrow("not yet");
  expect(await Promise.all([once.get("a", work), once.get("a", work)])).toEqual([2, 2]);
  expect(await Promise.all([once.share("b", work), once.share("b", work)])).toEqual([3, 3]);
  expect(await once.share("b", work)).toBe(4);
});
