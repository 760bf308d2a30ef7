/**
 * Proves that a token with the permissions that the runbook lists is enough for addresses and records, and what is said to one
 * that may only look. Real NetBox and plugin.
 */
import { describe, expect, it } from "vitest";
import { realNetbox } from "../real-netbox.ts";
import { inputsFor, plugin, pools } from "./netbox-plugin.fixture.ts";
import { ownName, pluginFor, recordOf, restOf } from "./vm-record.fixture.ts";

const netbox = await realNetbox();
const access = netbox.missing === undefined ? netbox : { url: "", token: "" };
const { rest, machine } = restOf(access);
const nextPool = pools(67);

/** As docs/runbooks/netbox.md has it: what a pool's user may do. */
const permissions: Record<string, string[]> = {
  "view,add,change": [
    ...["ipam.prefix", "ipam.iprange", "ipam.ipaddress", "extras.tag", "dcim.macaddress", "dcim.devicerole"],
    ...["virtualization.virtualmachine", "virtualization.vminterface", "virtualization.virtualdisk"],
    ...["virtualization.cluster", "virtualization.clustertype"],
  ],
  view: ["extras.customfield"],
  delete: ["ipam.ipaddress", "virtualization.vminterface", "virtualization.virtualdisk", "dcim.macaddress"],
};

/** A token of a new user who may do just that. */
async function tokenFor(allowed: Record<string, string[]>): Promise<string> {
  const [username, password] = [ownName("pool"), `${ownName("Aa1")}Aa1${ownName("x")}`];
  const { id } = await rest("POST", "/users/users/", { username, password });
  for (const [actions, types] of Object.entries(allowed)) {
    const name = ownName("may");
    await rest("POST", "/users/permissions/", { name, object_types: types, actions: actions.split(","), users: [id] });
  }
  const made = await rest("POST", "/users/tokens/", { user: id, version: 1 });
  return made.token;
}

describe.skipIf(netbox.missing)("a token", () => {
  it("with the runbook's permissions reserves, records, grows, retires, takes back and releases", async () => {
    const own = { url: access.url, token: await tokenFor(permissions) };
    const addresses = await plugin(own);
    const inputs = inputsFor(nextPool(), "app-1", { releaseOnDelete: true, quarantineSeconds: 0 });
    const reserved = await addresses.create(inputs);
    expect(reserved.error).toBe("");
    const records = await pluginFor(own);
    const nic = { name: "net0", mac: "bc:24:11:00:67:01", addressId: reserved.state.addressId };
    const wanted = recordOf(ownName("home"), ownName("app"), { owner: inputs.owner, cards: [nic] });
    const made = await records.create(wanted);
    const grown = { ...wanted, cards: [{ ...nic, mac: "bc:24:11:00:67:02" }], disks: [], vcpus: 4 };
    const state = await records.update(made, grown);
    expect(await machine(Number(state.recordId))).toMatchObject({ status: { value: "active" }, vcpus: 4, disk: null });
    await records.destroy(state);
    expect((await machine(Number(state.recordId))).status.value).toBe("offline");
    expect(await addresses.destroy(reserved.state)).toBe("");
    // Quarantine is over at once, and the next one sweeps it.
    const next = await (await plugin(own)).create({ ...inputs, identity: { ...inputs.identity, vm: "app-2" } });
    expect(next).toMatchObject({ error: "", state: { address: reserved.state.address } });
  });

  it("that may only look is told what it lacks, and leaves nothing", async () => {
    const looking = { view: Object.values(permissions).flat() };
    const { create } = await plugin({ url: access.url, token: await tokenFor(looking) });
    const { error } = await create(inputsFor(nextPool(), "app-1"));
    expect(error).toMatch(
      /403 .*lacks the permission \(view, add and change of what is behind \/api\/ipam\/prefixes\//,
    );
  });
});
