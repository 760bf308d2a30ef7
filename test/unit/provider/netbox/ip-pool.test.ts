/**
 * The arithmetic of a pool's addresses, and which reservations are refused before anything is asked of NetBox.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  hostPart,
  inPool,
  inSubnet,
  lowestFree,
  poolProblems,
  withPrefixLength,
} from "../../../../lib/netbox/ip-pool.ts";
import { poolSize } from "../../../../lib/netbox/static-pool.ts";
import { ipv4Number, ipv4Text } from "../../../../lib/network/ipv4.ts";
import { violations } from "../../../../provider/check.ts";
import type { Properties } from "../../../../provider/wire.ts";
import { ipReservationKind } from "../../../../resources/netbox/ip-reservation.ts";

const pool = { subnet: "10.60.0.0/28", from: "10.60.0.2", to: "10.60.0.9" };

/** A subnet of at least two hosts and a part of it that can be given out. */
const workingPool = fc
  .tuple(fc.integer({ min: 16, max: 30 }), fc.nat(2 ** 32 - 1), fc.nat(), fc.nat())
  .map(([length, address, a, b]) => {
    const hosts = 2 ** (32 - length);
    const base = address - (address % hosts);
    const [low, high] = [a, b].map((seed) => base + 1 + (seed % (hosts - 2))).sort((x, y) => x - y) as [number, number];
    return { subnet: `${ipv4Text(base)}/${length}`, from: ipv4Text(low), to: ipv4Text(high) };
  });

test("an address is its number", () => {
  fc.assert(fc.property(fc.nat(2 ** 32 - 1), (number) => ipv4Number(ipv4Text(number)) === number));
  expect([ipv4Number("10.60.0.9") - ipv4Number("10.60.0.2"), poolSize(pool)]).toEqual([7, 8]);
});

test("a pool without problems has all of its addresses in the subnet, and neither edge", () => {
  fc.assert(
    fc.property(workingPool, (given) => {
      expect(poolProblems(given)).toEqual([]);
      const base = ipv4Number(hostPart(given.subnet));
      const last = base + 2 ** (32 - Number(given.subnet.split("/")[1])) - 1;
      for (const edge of [base, last]) {
        expect([inSubnet(given, ipv4Text(edge)), inPool(given, ipv4Text(edge))]).toEqual([true, false]);
      }
      for (const end of [given.from, given.to]) expect(inPool(given, withPrefixLength(given, end))).toBe(true);
      expect([inSubnet(given, ipv4Text(base - 1)), inSubnet(given, ipv4Text(last + 1))]).toEqual([false, false]);
    }),
  );
});

test("the lowest free address is in the pool, is not taken, and none below it is free", () => {
  fc.assert(
    fc.property(workingPool, fc.array(fc.nat(300)), (given, offsets) => {
      const first = ipv4Number(given.from);
      const taken = new Set(offsets.map((offset) => first + offset));
      const free = lowestFree(given, taken);
      const end = free === undefined ? ipv4Number(given.to) + 1 : ipv4Number(free);
      for (let number = first; number < end; number++) expect(taken.has(number)).toBe(true);
      if (free !== undefined) expect([taken.has(end), inPool(given, free)]).toEqual([false, true]);
    }),
  );
});

const inputs: Properties = {
  identity: { zone: "onprem", env: "dev", vm: "app-01", bridge: "vnetdev", nic: 1 },
  owner: "home-1.platform-vm.dev",
  pool,
};

describe("a reservation", () => {
  test.each<[string, Properties, string, RegExp]>([
    [
      "whose pool begins with the network's own address",
      { pool: { ...pool, from: "10.60.0.0" } },
      "pool.from",
      /own or its broadcast/,
    ],
    [
      "whose pool ends with the broadcast address",
      { pool: { ...pool, to: "10.60.0.15" } },
      "pool.to",
      /own or its broadcast/,
    ],
    ["whose pool leaves the subnet", { pool: { ...pool, to: "10.60.0.16" } }, "pool.to", /outside the subnet/],
    ["whose pool is the wrong way round", { pool: { ...pool, to: "10.60.0.1" } }, "pool.to", /comes before/],
    ["whose subnet is a host's", { pool: { ...pool, subnet: "10.60.0.1/28" } }, "pool.subnet", /own address/],
    ["whose subnet is none", { pool: { ...pool, subnet: "10.60.0.0" } }, "pool.subnet", /prefix length/],
    [
      "with an address outside",
      { address: "10.60.1.5/28" },
      "address",
      /explicit IPAM address is outside the authoritative subnet 10\.60\.0\.0\/28/,
    ],
    ["with another prefix length", { address: "10.60.0.5/24" }, "address", /same prefix length/],
    ["with the gateway's address", { address: "10.60.0.1/28" }, "address", /outside the addresses that are given out/],
    ["with an address without length", { address: "10.60.0.5" }, "address", /with prefix length/],
    ["with an owner that is no mark", { owner: "me" }, "owner", /owner mark/],
    ["with a name that DNS does not take", { dnsName: "app 01" }, "dnsName", /DNS/],
    ["with a quarantine of a year", { quarantineSeconds: 31_536_000 }, "quarantineSeconds", /30 days/],
    [
      "with a card that is counted from 0",
      { identity: { zone: "z", env: "e", vm: "v", bridge: "b", nic: 0 } },
      "identity.nic",
      /./,
    ],
  ])("%s is refused", (_what, change, property, reason) => {
    const failures = violations(ipReservationKind.inputs, { ...inputs, ...change });
    expect(failures.map((failure) => failure.property)).toEqual([property]);
    expect(failures[0]?.reason).toMatch(reason);
  });

  test("that can work is not, with an address or without, with unknown parts or without", () => {
    const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
    const more = {
      address: "10.60.0.5/28",
      dnsName: "app-01.example.org",
      quarantineSeconds: 0,
      releaseOnDelete: true,
    };
    for (const change of [{}, more, { address: unknown }, { dnsName: unknown }, { pool: { ...pool, from: unknown } }]) {
      expect(violations(ipReservationKind.inputs, { ...inputs, ...change })).toEqual([]);
    }
  });
});
