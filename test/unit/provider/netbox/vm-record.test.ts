/**
 * What of a VM's record is changed, what is called drift, and how names become slugs: without a NetBox.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { slugOf } from "../../../../provider/netbox/places.ts";
import { driftOf } from "../../../../provider/netbox/vm-drift.ts";
import { difference } from "../../../../provider/netbox/vm-record.ts";
import type { MachineRow } from "../../../../provider/netbox/vm-rows.ts";
import { type RecordInputs, virtualMachineRecordKind } from "../../../../resources/netbox/virtual-machine-record.ts";

const inputs: RecordInputs = {
  ...{ owner: "home.platform-vm.dev-apps", key: "app-01", name: "dev-app-01", externalId: "proxmox:home:104" },
  ...{
    cluster: { name: "home", type: "Proxmox VE" },
    role: "app",
    startOnBoot: true,
    vcpus: 2,
    memoryMb: 2048,
    disks: [],
    tags: ["app"],
  },
  cards: [{ name: "net0", mac: "bc:24:11:00:00:01" }],
};

const tags = (...slugs: string[]) => slugs.map((slug) => ({ slug }));

const row: MachineRow = {
  ...{ id: 7, last_updated: "2026-01-01T00:00:00Z", name: "dev-app-01", status: { value: "active" } },
  ...{ cluster: { id: 1, name: "home" }, role: { id: 2, name: "app", slug: "app" }, vcpus: 2, memory: 2048 },
  ...{ start_on_boot: { value: "on" }, primary_ip4: null, tags: tags("holdfast", "app", "by-hand") },
  custom_fields: { holdfast_owner: inputs.owner, holdfast_external_id: inputs.externalId, theirs: "kept" },
};

const around = { cluster: 1, role: 2, slugs: ["holdfast", "app"], dropped: [] };

describe("what of a record is changed", () => {
  it("is nothing where it is as the VM is, whatever else people put there", () => {
    expect(difference(row, inputs, around)).toBeUndefined();
  });

  it("is what differs alone: tags come in addition, and never replace", () => {
    const grown = { ...inputs, vcpus: 4, tags: ["app", "new"] };
    expect(difference(row, grown, { ...around, slugs: ["holdfast", "app", "new"] })).toEqual({
      vcpus: 4,
      add_tags: tags("new"),
    });
  });

  it("takes off the stale tag, and tags that this stack put there and no longer wants; no others", () => {
    const retired = {
      ...row,
      status: { value: "offline" },
      tags: tags("holdfast", "holdfast-stale", "old", "by-hand"),
    };
    expect(difference(retired, inputs, { ...around, dropped: ["old", "never-there"] })).toEqual({
      status: "active",
      add_tags: tags("app"),
      remove_tags: tags("holdfast-stale", "old"),
    });
  });

  it("names only our own custom fields: NetBox keeps the others", () => {
    const moved = { ...inputs, externalId: "proxmox:home:105" };
    expect(difference(row, moved, around)).toEqual({
      custom_fields: { holdfast_owner: inputs.owner, holdfast_external_id: "proxmox:home:105" },
    });
  });
});

describe("drift", () => {
  const seen = {
    machine: row,
    interfaces: [
      {
        ...{ id: 3, last_updated: "", name: "net0", virtual_machine: { id: 7 }, tags: [] },
        ...{ primary_mac_address: { id: 4, mac_address: "BC:24:11:00:00:01" }, mac_addresses: [] },
      },
    ],
    disks: [],
    addresses: [],
  };

  it("is nothing where all is as recorded", () => {
    expect(driftOf(inputs, seen)).toEqual([]);
  });

  it("is one line where the record is not ours any more: nothing else of it concerns us", () => {
    const machine = { ...row, vcpus: 8, custom_fields: { holdfast_owner: "home.platform-vm.prod-apps" } };
    expect(driftOf(inputs, { ...seen, machine })).toEqual([
      "record 7 in NetBox belongs to home.platform-vm.prod-apps now: it is not changed",
    ]);
  });
});

describe("a slug", () => {
  it.each([
    ["Proxmox VE", "proxmox-ve"],
    ["k3s/worker.1", "k3s-worker-1"],
    ["Größe: XL!", "gro-e-xl"],
    ["app_01", "app_01"],
    [`${"x".repeat(99)} y`, "x".repeat(99)],
  ])("of %s is %s", (name, slug) => {
    expect(slugOf(name)).toBe(slug);
  });

  it("is legal in NetBox and its own slug, whatever the name; or there is none, and that is said", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (name) => {
        let slug: string;
        try {
          slug = slugOf(name);
        } catch (error) {
          expect((error as Error).message).toContain("no letter or digit");
          return;
        }
        expect(slug).toMatch(/^[a-z0-9_][a-z0-9_-]{0,99}$/);
        expect(slugOf(slug)).toBe(slug);
      }),
    );
  });
});

it.each([
  ["a card twice", { cards: [inputs.cards[0], inputs.cards[0]] }],
  ["a MAC address that is none", { cards: [{ name: "net0", mac: "unset" }] }],
  ["an external id that is none", { externalId: "104" }],
  ["a name that NetBox does not take", { name: "x".repeat(65) }],
  ["no memory", { memoryMb: 0 }],
])("%s is refused before anything is asked of NetBox", (_what, change) => {
  expect(virtualMachineRecordKind.inputs.safeParse({ ...inputs, ...change }).success).toBe(false);
});
