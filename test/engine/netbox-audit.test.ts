/**
 * `holdfast netbox audit` with the real engine and a real NetBox: exit codes, what is found of records that were really made,
 * and that nothing but GET is sent. Every kind of finding is in test/unit/cli/netbox/audit.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { identityDigest } from "../../lib/netbox/identity.ts";
import type { Check } from "../../lib/preflight/check.ts";
import { nowhere } from "../fixtures/loopback.fixture.ts";
import { realNetbox } from "../real-netbox.ts";
import { Engine } from "./engine.ts";
import { type Access, ownName, pluginFor, proxyTo, recordOf, restOf } from "./vm-record.fixture.ts";

const netbox = await realNetbox();
const project = "platform-vm";
const stack = "dev-apps";

describe.skipIf(netbox.missing)("holdfast netbox audit", () => {
  const access = netbox as Access;
  const { rest, etag } = restOf(access);
  /** Nobody else's on a NetBox that all test files share. */
  const site = ownName("audit");
  const owner = `${site}.${project}.${stack}`;
  const identity = { zone: "onprem", env: site, vm: "app-01", bridge: "vnetdev", nic: 1 };
  const vms = "/virtualization/virtual-machines/";
  let engine: Engine;

  beforeAll(async () => {
    engine = await Engine.open();
    for (const name of [stack, "dev-other"]) await engine.init(project, name);
  });

  afterAll(() => engine?.close());

  const audit = async (to: { url: string }, ...args: string[]) => {
    const env = { NETBOX_API_URL: to.url, NETBOX_API_TOKEN: access.token };
    const { exitCode, stdout, stderr } = await engine.holdfastWith({ env }, "netbox", "audit", "--json", ...args);
    const checks = exitCode === 2 && stdout === "" ? [] : (JSON.parse(stdout) as { checks: Check[] }).checks;
    // Other test files have records there, too.
    const ours = checks.filter(({ what, found }) => `${what} ${found}`.includes(site) || what.startsWith(project));
    return { exitCode, stderr, stdout, ours, failed: ours.filter(({ status }) => status === "failed") };
  };

  /** Makes an address and the record of a VM that has it; gives what the state has of both. */
  const made = async (address: string) => {
    const fields = { holdfast_owner: owner, holdfast_identity: identityDigest(identity) };
    const tags = [{ slug: "holdfast" }];
    const body = { address, status: "reserved", tags, custom_fields: fields };
    const { id: addressId } = await rest("POST", "/ipam/ip-addresses/", body);
    const { create, destroy } = await pluginFor(access);
    const cards = [{ name: "net0", mac: "bc:24:11:00:02:01", addressId }];
    const record = await create(recordOf(site, "app-01", { owner, cards }));
    return { create, destroy, record, reservation: { identity, owner, address, addressId, outcome: "allocated" } };
  };

  /** Gives the stack a state with these resources. */
  const believe = async (reservation: object | undefined, record: object | undefined) => {
    const urn = (type: string, name: string) => `urn:pulumi:${stack}::${project}::${type}::${name}`;
    const provider = {
      urn: urn("pulumi:providers:holdfast", "holdfast"),
      custom: true,
      id: "p",
      type: "pulumi:providers:holdfast",
    };
    const resource = (type: string, name: string, outputs: object | undefined) =>
      outputs
        ? [{ urn: urn(type, name), custom: true, id: name, type, inputs: {}, outputs, provider: `${provider.urn}::p` }]
        : [];
    const resources = [
      { urn: urn("pulumi:pulumi:Stack", `${project}-${stack}`), custom: false, type: "pulumi:pulumi:Stack" },
      provider,
      ...resource("holdfast:netbox:IpReservation", "address", reservation),
      ...resource("holdfast:netbox:VirtualMachineRecord", "record", record),
    ];
    const manifest = { time: "2026-01-01T00:00:00Z", magic: "", version: "" };
    const state = JSON.parse(await engine.must(project, "stack", "export", "--stack", stack));
    engine.write("state.json", JSON.stringify({ ...state, deployment: { ...state.deployment, manifest, resources } }));
    await engine.must(project, "stack", "import", "--file", "../state.json", "--stack", stack);
  };

  it("agrees where both agree, names what differs, and asks NetBox nothing but GET", async () => {
    const proxy = await proxyTo(access);
    const { destroy, create, record, reservation } = await made("10.203.1.5/24");
    const id = Number(record.recordId);
    await believe(reservation, record);
    const fine = await audit(proxy);
    expect(fine.exitCode, fine.stderr).toBe(0);
    expect(fine.ours).toContainEqual(
      expect.objectContaining({
        what: "platform-vm/dev-apps: NetBox has what its state has",
        found: "addresses: 1, VMs: 1",
      }),
    );
    expect(fine.ours.map(({ status }) => status)).toEqual(["ok", "ok"]);

    // In no state: an address and a record that stand; and the stack's own address and record became somebody else's.
    const orphan = await create(recordOf(site, "app-02", { owner }));
    const paths = [`${vms}${id}/`, `${vms}${orphan.recordId}/`, `/ipam/ip-addresses/${reservation.addressId}/`];
    await rest("PATCH", paths[0] ?? "", { custom_fields: { holdfast_owner: "somebody.else.here" } });
    await rest("PATCH", paths[2] ?? "", { custom_fields: { holdfast_owner: null, holdfast_identity: null } });
    const before = await Promise.all(paths.map(etag));
    const wrong = await audit(proxy, "--stack", stack);
    expect(wrong.exitCode).toBe(1);
    expect(wrong.failed.map(({ what, found }) => [what, found?.replace(/ \(.*/, "")])).toEqual([
      ["platform-vm/dev-apps: address 10.203.1.5/24", "is not ours in NetBox: 10.203.1.5/24"],
      ["platform-vm/dev-apps: record of app-01", "is not ours in NetBox: app-01"],
      [`record of app-02 of ${owner}`, "is in no state: app-02"],
    ]);
    expect(await Promise.all(paths.map(etag))).toEqual(before);

    // Gone; retired, and too old.
    await rest("PATCH", paths[0] ?? "", { custom_fields: { holdfast_owner: owner } });
    await rest("DELETE", paths[0] ?? "");
    await destroy(orphan);
    const gone = await audit(proxy, "--stack", stack, "--stale-days", "0");
    expect(gone.failed.map(({ what, found }) => [what, found?.replace(/ \(.*/, "")])).toEqual([
      ["platform-vm/dev-apps: address 10.203.1.5/24", "is not in NetBox"],
      ["platform-vm/dev-apps: record of app-01", "is not in NetBox"],
      [`record of app-02 of ${owner}`, "is retired, and was last changed 0 days ago"],
    ]);
    expect((await audit(proxy, "--stack", stack)).failed).toHaveLength(2);
    expect(proxy.requests.length).toBeGreaterThan(8);
    expect(proxy.requests.filter((request) => !request.startsWith("GET "))).toEqual([]);
    for (const { stdout, stderr } of [fine, wrong, gone])
      expect(stdout + stderr).not.toContain(access.token.slice(-40));
  });

  it("shows a table, and what mends it", async () => {
    const nowhere = { identity: { ...identity, vm: "app-09" }, owner, address: "10.203.2.5/24", addressId: 999_999 };
    await believe(nowhere, undefined);
    const env = { NETBOX_API_URL: access.url, NETBOX_API_TOKEN: access.token };
    const { exitCode, stdout } = await engine.holdfastWith(
      { env },
      "netbox",
      "audit",
      "--stack",
      "dev-other",
      "--stack",
      stack,
    );
    expect(exitCode).toBe(1);
    expect(stdout).toContain("NetBox against platform-vm/dev-other, platform-vm/dev-apps");
    expect(stdout).toContain("→ pulumi up --refresh --stack dev-apps, in platform-vm/");
  });

  it.each([
    ["a stack that is not there", ["--stack", "nosuch"], "nosuch"],
    ["days that are none", ["--stale-days", "soon"], "--stale-days is no number of days"],
  ])("ends with 2 for %s", async (_what, args, output) => {
    const { exitCode, stderr } = await audit(access, ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(output);
    expect(stderr).not.toContain("    at ");
  });

  it("ends with 2 where NetBox does not answer, and where none is known", async () => {
    const away = await audit({ url: await nowhere() });
    expect(away).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("nothing was compared: NetBox at") });
    const none = await engine.holdfast("netbox", "audit", "--stack", "dev-other");
    expect(none).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("no stack that was looked at has a NetBox"),
    });
  });
});
