/**
 * What is decided about a pool without any cloud: names, bridges, network cards, and whether its set of VMs may change.
 */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { resolveBridge, unknownBridge } from "../../../../components/pool/bridges.ts";
import { interfaceProblems, sharedAddresses } from "../../../../components/pool/interfaces.ts";
import { logicalName, namePrefix, physicalName, planNames } from "../../../../components/pool/names.ts";
import { judgeVmSet, transitionDigest, vmSetChange } from "../../../../components/pool/vm-set.ts";
import { networkOf } from "../../../../lib/network/ipv4.ts";

const key = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
const keys = fc.uniqueArray(key, { minLength: 1, maxLength: 8 });

describe("names", () => {
  it("take the first prefix that says something", () => {
    expect(namePrefix({ namePrefix: "corp", contextId: "prod-a", env: "prod" })).toBe("corp");
    expect(namePrefix({ namePrefix: " ", contextId: "prod-a", env: "prod" })).toBe("prod-a");
    expect(namePrefix({ namePrefix: "", contextId: "", env: "dev" })).toBe("dev");
    expect(namePrefix({ namePrefix: "", contextId: "", env: "" })).toBe("");
  });

  it.each([
    ["pgha-01", "dev", "dev-pgha-01"],
    ["runner-01", "platform-shared", "platform-shared-runner-01"],
    ["dev-pgha-01", "dev", "dev-pgha-01"],
    ["development-01", "dev", "dev-development-01"],
    ["pgha-01", "", "pgha-01"],
  ])("%s with prefix %s is %s", (name, prefix, expected) => {
    expect(physicalName({ key: name }, prefix)).toBe(expected);
  });

  it("prefix once: what has the prefix keeps its name", () => {
    fc.assert(
      fc.property(key, key, (name, prefix) => {
        const once = physicalName({ key: name }, prefix);
        expect(physicalName({ key: once }, prefix)).toBe(once);
        expect(once.startsWith(`${prefix}-`)).toBe(true);
      }),
    );
  });

  it("are all different, or the pool is refused", () => {
    fc.assert(
      fc.property(keys, key, (names, prefix) => {
        const planned = planNames(
          names.map((name) => ({ key: name })),
          prefix,
        );
        if ("problems" in planned) return planned.problems.length > 0;
        const physical = Object.values(planned.names);
        return new Set(physical).size === names.length && physical.every((name) => name.length <= 63);
      }),
    );
  });

  it("that meet are refused with both logical names", () => {
    const planned = planNames([{ key: "pgha-01" }, { key: "dev-pgha-01" }], "dev");
    expect(planned).toMatchObject({ problems: [{ key: "vms.dev-pgha-01" }] });
    expect(JSON.stringify(planned)).toContain("inputs.vms.pgha-01 has already");
    expect(
      planNames(
        [
          { key: "a", vmName: "X-1" },
          { key: "b", vmName: "x-1" },
        ],
        "",
      ),
    ).toHaveProperty("problems");
  });

  it.each([
    [{ key: "a".repeat(60) }, "dev", /64 characters, 63 are allowed; shorten it, or the prefix dev/],
    [{ key: "a-" }, "dev", /is no host name/],
    [{ key: "a", vmName: "with_underscore" }, "dev", /with_underscore is no host name/],
  ])("that no host may have are refused: %o", (vm, prefix, message) => {
    expect(JSON.stringify(planNames([vm], prefix))).toMatch(message);
  });

  it("of VMs that are exact stay exact", () => {
    expect(planNames([{ key: "a", vmName: "Legacy01" }], "dev")).toEqual({ names: { a: "Legacy01" } });
  });

  it("that are logical are lower case", () => {
    expect(logicalName.test("rke2-cp-01")).toBe(true);
    for (const name of ["RKE2", "-a", "a_b", "", "a".repeat(64)]) expect(logicalName.test(name), name).toBe(false);
  });
});

describe("bridges", () => {
  it.each([
    ["vnetenv", "dev", "vnetdev"],
    ["VnetEnv", "Staging", "vnetstag"],
    ["vnetenv", "production", "vnetprod"],
    ["vnetenvdata", "development", "vnetddev"],
    ["vnetenvdata", "stag", "vnetdstg"],
    ["vnetenvdata", "prod", "vnetdprd"],
    ["vnetenvdata", "shared", "vnetdata"],
    ["vnetmgmt", "", "vnetmgmt"],
    ["Vmbr0", "dev", "Vmbr0"],
  ])("%s in %s is %s", (name, env, bridge) => {
    expect(resolveBridge(name, env)).toEqual({ bridge });
  });

  it.each([
    ["vnetenv", "", /vnetenv bridge alias requires HYOPS_ENV to be set \(supported: dev, development, stag,/],
    ["vnetenv", "shared", /vnetenv bridge alias is unsupported for env='shared'.*Use an explicit bridge/],
    ["vnetenvdata", "lab", /unsupported for env='lab' \(supported: .*shared\)/],
  ])("%s in %j is refused", (name, env, message) => {
    expect(resolveBridge(name, env)).toEqual({ problem: expect.stringMatching(message) });
  });

  it("that the site does not list are refused with those that it does", () => {
    const networks = [
      { name: "b", bridge: "vnetmgmt", cidr: "10.10.0.0/24", dns: [] },
      { name: "a", bridge: "vnetdev", cidr: "10.20.0.0/24", dns: [] },
    ];
    expect(unknownBridge("vnetdev", networks)).toBeUndefined();
    expect(unknownBridge("vmbr9", networks)).toContain("which has vnetdev, vnetmgmt");
    expect(unknownBridge("vmbr9", [])).toBeUndefined();
  });
});

describe("network cards", () => {
  const where = "inputs.vms[app-01].interfaces";
  const nic = (address?: string, gateway?: string) => ({
    bridge: "vnetdev",
    ...(address === undefined ? {} : { ipv4: { address, ...(gateway === undefined ? {} : { gateway }) } }),
  });

  it.each([
    [[nic()]],
    [[nic("dhcp")]],
    [[nic("10.20.0.15/24", "10.20.0.1")]],
    [[nic("10.20.0.15/24", "10.20.0.1"), nic("10.30.0.15/24")]],
    [[{ ...nic("dhcp"), mac_address: "BC:24:11:00:00:01" }, nic()]],
  ])("are fine: %j", (nics) => {
    expect(interfaceProblems(where, nics)).toEqual([]);
  });

  it.each([
    [[], [`${where} must be a non-empty list`]],
    [[{ bridge: " " }], [`${where}[1].bridge must be a non-empty string`]],
    [[{ bridge: "b", mac_address: "nonsense" }], [`${where}[1].mac_address must be a valid MAC address`]],
    [[{ bridge: "b", ipv4: {} }], [`${where}[1].ipv4.address is required`]],
    [[nic("dhcp", "10.20.0.1")], [`${where}[1].ipv4.gateway must be empty when address is dhcp`]],
    [
      [nic("10.20.0.15")],
      [
        expect.stringContaining("ipv4.address is invalid"),
        expect.stringContaining("is required for static primary NIC"),
      ],
    ],
    [[nic("fd00::1/64", "10.20.0.1")], [`${where}[1].ipv4.address must be IPv4`]],
    [[nic("10.20.0.15/24")], [`${where}[1].ipv4.gateway is required for static primary NIC`]],
    [[nic("10.20.0.15/24", "fd00::1")], [`${where}[1].ipv4.gateway must be IPv4`]],
    [[nic("10.20.0.15/24", "x")], [`${where}[1].ipv4.gateway is invalid: expected an IPv4 address`]],
    [[nic("10.20.0.15/24", "10.21.0.1")], [`${where}[1].ipv4.gateway must be within 10.20.0.0/24`]],
    [[nic("10.20.0.1/24", "10.20.0.1")], [`${where}[1].ipv4.address is the gateway's own address`]],
    [[nic("dhcp"), nic("10.20.0.15/24", "10.20.0.1")], [`${where}[2].ipv4.gateway is only allowed on interfaces[1]`]],
  ])("are refused: %j", (nics, problems) => {
    expect(interfaceProblems(where, nics)).toEqual(problems);
  });

  it("of two VMs never have one address or one MAC", () => {
    const twice = { a: [nic("10.20.0.15/24", "10.20.0.1")], b: [nic(), nic("10.20.0.15/25")] };
    expect(sharedAddresses(twice)).toEqual([
      "inputs.vms[b].interfaces[2].ipv4.address is the same as that of inputs.vms[a].interfaces[1]",
    ]);
    const other = { ...nic("10.20.0.15/24", "10.20.0.1"), bridge: "vnetstag" };
    expect(sharedAddresses({ a: twice.a, b: [other] })).toEqual([]);
    const mac = { ...nic(), mac_address: "bc:24:11:00:00:01" };
    expect(sharedAddresses({ a: [mac], b: [{ ...mac, mac_address: "BC:24:11:00:00:01" }] })).toHaveLength(1);
  });

  test("the network of an address is what its prefix leaves", () => {
    expect(networkOf("10.20.3.15/16")).toBe("10.20.0.0/16");
    expect(networkOf("255.255.255.255/32")).toBe("255.255.255.255/32");
    expect(networkOf("192.168.1.130/25")).toBe("192.168.1.128/25");
  });
});

describe("the guard of the set", () => {
  const stack = "platform-vm/dev-apps";

  it("lets additions pass, and shows them", () => {
    fc.assert(
      fc.property(keys, keys, (existing, more) => {
        const requested = [...new Set([...existing, ...more])];
        const added = requested.filter((name) => !existing.includes(name)).sort();
        expect(judgeVmSet(stack, existing, requested, false)).toEqual({ allowed: true, added });
      }),
    );
  });

  it("refuses every removal and every rename without a permission, and names what is on which side", () => {
    fc.assert(
      fc.property(keys, keys, (existing, requested) => {
        const { existingOnly, requestedOnly } = vmSetChange(existing, requested);
        fc.pre(existingOnly.length > 0);
        const verdict = judgeVmSet(stack, existing, requested, false);
        if (verdict.allowed) throw new Error("allowed");
        expect(verdict.message).toContain(`existing_only=[${existingOnly.join(", ")}]`);
        expect(verdict.message).toContain(`requested_only=[${requestedOnly.join(", ")}]`);
        expect(judgeVmSet(stack, existing, requested, verdict.transition).allowed).toBe(true);
      }),
    );
  });

  it("keeps the words that operators search for", () => {
    const verdict = judgeVmSet(stack, ["a", "b"], ["b", "c"], false);
    expect(verdict).toMatchObject({
      allowed: false,
      message: expect.stringContaining(
        "vm set collision detected: requested VM names differ from existing managed VM names for module_ref=platform-vm/dev-apps; existing_only=[a], requested_only=[c]",
      ),
    });
  });

  it("takes a permission for one transition for that one alone", () => {
    const permission = transitionDigest(stack, ["a", "b"], ["b"]);
    expect(judgeVmSet(stack, ["b", "a", "a"], ["b"], permission)).toEqual({ allowed: true, added: [] });
    const other = judgeVmSet(stack, ["a", "b"], ["a"], permission);
    expect(other).toMatchObject({ allowed: false, message: expect.stringContaining("given for another change") });
    expect(judgeVmSet("platform-vm/prod-apps", ["a", "b"], ["b"], permission).allowed).toBe(false);
  });

  it("takes the plain permission with a warning that names the better one", () => {
    const verdict = judgeVmSet(stack, ["a", "b"], ["b"], true);
    expect(verdict).toMatchObject({
      allowed: true,
      warning: expect.stringContaining(`allow_vm_set_replace ${transitionDigest(stack, ["a", "b"], ["b"])}`),
    });
  });

  it("has nothing to guard before the first update", () => {
    expect(judgeVmSet(stack, [], ["a"], false)).toEqual({ allowed: true, added: [] });
  });
});
