/**
 * What a rebuild keeps of machines, and how it shows what became of them.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { deployedMachines, hostKeysIn, machinesIn, publishedIn } from "../../../../cli/machines.ts";
import {
  changes,
  changeTable,
  interrupted,
  type RebuildRecord,
  type RecordedMachine,
} from "../../../../cli/rebuild/record.ts";
import type { StateResource } from "../../../../cli/stack.ts";
import { stackDirectory, writeEvidence } from "../../../../provider/evidence/directory.ts";

const identity = `sha256:${"ab".repeat(32)}`;
const machine: RecordedMachine = {
  ...{ name: "dev-app-01", id: "101", node: "pve1", address: "10.0.0.12", mac: "BC:24:11:00:00:01", identity },
  hostKey: "SHA256:one",
};
const place = { project: "platform-vm", stack: "dev-apps" };
const urn = (type: string, name: string) => `urn:pulumi:dev-apps::platform-vm::${type}::${name}`;

function stateOf(published: object | undefined, vmIds: Record<string, number>): StateResource[] {
  const component = "holdfast:components:ProxmoxVm";
  return [
    { urn: urn("pulumi:pulumi:Stack", "s"), type: "pulumi:pulumi:Stack", outputs: published ? { vms: published } : {} },
    ...Object.entries(vmIds).flatMap(([key, vmId]): StateResource[] => [
      { urn: urn(component, `vm-${key}`), type: component, outputs: { address: "10.0.0.12", mac: "BC:24", identity } },
      {
        urn: urn(`${component}$proxmoxve:index/vmLegacy:VmLegacy`, `vm-${key}-vm`),
        type: "proxmoxve:index/vmLegacy:VmLegacy",
        outputs: { name: `dev-${key}`, vmId, nodeName: "pve1" },
      },
    ]),
  ];
}

const published = {
  ...{ contract: "vms@1", env: "dev", status: "ok", evidenceDir: "", runId: "" },
  vms: {
    "app-01": { ...{ vmId: 90, name: "dev-app-01", node: "pve1", address: "10.0.0.9", mac: "", identity } },
    "app-02": { ...{ vmId: 91, name: "dev-app-02", node: "pve1", address: "10.0.0.10", mac: "", identity } },
  },
};

test("machines are those of the contract, and what the checkpoint has of them is newer", () => {
  const resources = stateOf(published, { "app-01": 101 });
  expect(machinesIn(resources)).toMatchObject({ "app-01": { id: "101" }, "app-02": { id: "91" } });
  expect(deployedMachines(resources)).toEqual({
    "app-01": { ...{ name: "dev-app-01", id: "101", node: "pve1", address: "10.0.0.12", mac: "BC:24", identity } },
  });
});

/** The host key that a stack made for `app-01`. */
function ownKey(parents: string): StateResource {
  const type = "holdfast:ssh:HostKey";
  const outputs = { comment: "app-01", publicKey: "ssh-ed25519 AAAA" };
  return { urn: urn(`${parents}$${type}`, "vm-app-01-vm-host-key"), type, outputs };
}

test("a machine on libvirt is known by its domain and by what its component says", () => {
  const [pool, vm] = ["holdfast:components:LibvirtPoolVm", "holdfast:components:LibvirtVm"];
  const id = "2f8880f8-f4b0-40d4-b677-1df67b403d51";
  const facts = { node: "192.0.2.10", address: "192.0.2.21", mac: "52:54:00:00:00:01", identity };
  const resources = [
    { urn: urn(pool, "vm-app-01"), type: pool, outputs: facts },
    { urn: urn(`${pool}$${vm}`, "vm-app-01-vm"), type: vm, outputs: { vmId: id } },
    ownKey(`${pool}$${vm}`),
    {
      urn: urn(`${pool}$${vm}$libvirt:index/domain:Domain`, "vm-app-01-vm-domain"),
      type: "libvirt:index/domain:Domain",
      id,
      outputs: { name: "dev-app-01" },
    },
  ];
  expect(deployedMachines(resources)).toEqual({ "app-01": { ...facts, name: "dev-app-01", id } });
  expect(hostKeysIn(resources)).toEqual({ "app-01": "ssh-ed25519 AAAA" });
  const clone = stateOf(undefined, { "app-01": 101 });
  expect(hostKeysIn(clone)).toEqual({});
  expect(hostKeysIn([...clone, ownKey("holdfast:components:ProxmoxVm")])).toEqual({ "app-01": "ssh-ed25519 AAAA" });
});

test("a stack that never got as far as its contract has published nothing", () => {
  expect(publishedIn(stateOf(undefined, { "app-01": 101 }))).toBeUndefined();
  expect(publishedIn([])).toBeUndefined();
});

test("each VM is shown with what differs, who came and who went with all of it", () => {
  const after = { ...machine, id: "104", hostKey: "SHA256:two" };
  expect(changeTable(changes({ "app-01": machine }, { "app-01": after }))).toBe(
    `VM      what       before      after
app-01  id         101         104
        host key   SHA256:one  SHA256:two
        as before  name, node, address, MAC
`,
  );
  const gone = changeTable(changes({ "app-01": machine }, {}));
  expect(gone).toMatch(/app-01 +id +101 +none/);
  expect(gone).not.toContain("as before");
  expect(changeTable(changes({}, { "app-02": machine }))).toMatch(/app-02 +id +none +101/);
});

test("a rebuild that did not succeed is found again, one that did or is not readable is not", () => {
  vi.stubEnv("XDG_STATE_HOME", mkdtempSync(join(tmpdir(), "holdfast-state-")));
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const record: RebuildRecord = {
    ...{ ...place, began: "2026-01-01T00:00:00.000Z", status: "failed", step: "up" },
    ...{ before: { "app-01": machine }, after: {} },
  };
  const write = (run: string, content: string) =>
    writeEvidence(join(stackDirectory(place.project, place.stack), run), { "rebuild.json": content });
  expect(interrupted(place)).toBeUndefined();
  write("20260101T000000Z-1-aaaaaa", JSON.stringify(record));
  expect(interrupted(place)).toEqual({ run: "20260101T000000Z-1-aaaaaa", before: record.before });
  write("20260102T000000Z-1-aaaaaa", "{");
  expect(interrupted(place)).toBeUndefined();
  write("20260103T000000Z-1-aaaaaa", JSON.stringify({ ...record, status: "ok" }));
  expect(interrupted(place)).toBeUndefined();
});
