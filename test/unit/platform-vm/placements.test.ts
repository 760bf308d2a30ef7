/**
 * That the list of placements is exhaustive: what each has to have is proven by the compiler, which reads this file in the static
 * ring. Here runs what types do not say.
 */
import { describe, expect, expectTypeOf, it, test } from "vitest";
import { publishedIn } from "../../../cli/machines.ts";
import { platformVmConfig } from "../../../platform-vm/config.ts";
import { placements } from "../../../platform-vm/placements/index.ts";
import { type PlacementKeys, type PlacementName, placementKeys } from "../../../platform-vm/placements/keys.ts";
import { libvirt } from "../../../platform-vm/placements/libvirt/index.ts";
import type { Placement, PlacementList, PlanPart } from "../../../platform-vm/placements/placement.ts";
import { proxmox } from "../../../platform-vm/placements/proxmox/index.ts";

type Third = Placement<PlanPart<"third">>;
type WithThird = PlacementList<"proxmox" | "libvirt" | "third">;

const third: Third = {
  title: "A third one",
  resolves: undefined,
  bastion: () => undefined,
  plan: ({ vms }) => ({ placement: "third", vms: [...vms] }),
  deployed: () => [],
  refuse: () => ({ always: [], rebuildOnly: [] }),
  resolve: async ({ vms }) => vms,
  preflight: () => undefined,
  provisioner: () => Promise.reject(new Error("it makes nothing")),
};

describe("the list of placements", () => {
  it("takes a third one that has everything", () => {
    const list: WithThird = { proxmox, libvirt, third };
    expect(list.third.title).toBe("A third one");
  });

  it("does not compile without one of them, nor with one under another's name", () => {
    // @ts-expect-error there is no third one
    const named: Readonly<Record<PlacementName | "third", Placement>> = placements;
    // @ts-expect-error the third one is missing
    const missing: WithThird = { proxmox, libvirt };
    // @ts-expect-error what it plans is for another placement
    const misnamed: WithThird = { proxmox, libvirt, third: libvirt };
    expect([named, missing, misnamed]).toHaveLength(3);
  });

  it("does not compile with one that lacks anything, whatever that is", () => {
    type Dispensable = { [Part in keyof Third]: Omit<Third, Part> extends Third ? Part : never }[keyof Third];
    expectTypeOf<Dispensable>().toBeNever();
    const { refuse: _, ...careless } = third;
    // @ts-expect-error it refuses nothing
    const list: WithThird = { proxmox, libvirt, third: careless };
    expect(list.third).not.toHaveProperty("refuse");
  });
});

const keys: [string, PlacementKeys][] = Object.entries(placementKeys);

describe.each(keys)("%s", (name, { own, instead, fields }) => {
  it("has keys of the pool's configuration, those that are declared for it alone among them", () => {
    expect(Object.keys(platformVmConfig)).toEqual(expect.arrayContaining([...own]));
    expect(own).toEqual(expect.arrayContaining(Object.keys(fields)));
  });

  it("says what there is instead of keys that only others have", () => {
    const others = keys.filter(([other]) => other !== name).flatMap(([, other]) => other.own);
    expect(others).toEqual(expect.arrayContaining(Object.keys(instead)));
    expect(own.filter((key) => key in instead)).toEqual([]);
  });
});

test("an id of 64 bits is read out of a pool's contract digit by digit", () => {
  const vmId = "7894016355093412870";
  const identity = `sha256:${"ab".repeat(32)}`;
  const vm = { vmId, name: "dev-app-01", node: "europe-west4-a", address: "10.70.0.9", mac: "", identity };
  const vms = { contract: "vms@1", env: "dev", vms: { "app-01": vm }, status: "ok", evidenceDir: "", runId: "" };
  const type = "pulumi:pulumi:Stack";
  const state = [{ urn: `urn:pulumi:dev::platform-vm::${type}::platform-vm-dev`, type, outputs: { vms } }];
  expect(publishedIn(JSON.parse(JSON.stringify(state)))?.["app-01"]?.id).toBe(vmId);
});
