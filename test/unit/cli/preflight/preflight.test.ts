/**
 * The parts of `holdfast preflight` that need neither Pulumi nor a cluster.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, test, vi } from "vitest";
import { nodeNeeds } from "../../../../cli/pool/cluster.ts";
import { guardChecks } from "../../../../cli/pool/stack.ts";
import { accessChecks, routeCheck } from "../../../../cli/preflight/access.ts";
import { attempt, mend } from "../../../../cli/preflight/config-checks.ts";
import { environmentCheck, evidenceCheck, publicKeyCheck, sshKeyCheck } from "../../../../cli/preflight/workstation.ts";
import { stackPlace } from "../../../../cli/pulumi.ts";
import { readinessInput } from "../../../../components/pool/inputs.ts";
import { ConfigError } from "../../../../lib/config/strict.ts";
import { Failure } from "../../../../lib/failure.ts";
import { platformVmConfig } from "../../../../platform-vm/config.ts";
import type { ProxmoxDeployedVm } from "../../../../platform-vm/placements/proxmox/deployed.ts";
import type { ProxmoxPlannedVm } from "../../../../platform-vm/placements/proxmox/plan.ts";
import { shrinks } from "../../../../platform-vm/placements/proxmox/refuse.ts";
import { otherPlacements } from "../../../../platform-vm/refusals.ts";
import { keyPair, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const stack = { project: "platform-vm", stack: "dev-apps", shape: platformVmConfig };

test.each([
  ["dev-apps", { project: "platform-vm", stack: "dev-apps" }],
  ["template-image/dev", { project: "template-image", stack: "dev" }],
])("%s names a stack", (text, place) => {
  expect(stackPlace(text, ["platform-vm", "template-image"], "platform-vm")).toEqual(place);
});

test.each(["", "runners/crunchy", "a/platform-vm/dev", "../x", "dev apps", "..", "platform-vm/..", "-x", "--yes"])(
  "%j names none",
  (text) => {
    expect(() => stackPlace(text, ["platform-vm", "template-image"], "platform-vm")).toThrow(
      /is no name of a stack of/,
    );
  },
);

describe("a mistake of the configuration", () => {
  it.each([
    ["proxmox.token", "npx holdfast secrets ensure platform-vm/dev-apps"],
    ["disk_size_gb", "pulumi config set disk_size_gb <value> --stack dev-apps, in platform-vm/"],
    ["tags", "pulumi config set tags <value> --stack dev-apps, in platform-vm/"],
    ["vms.app-01.disk_size_gb", "edit platform-vm:vms in stacks/platform-vm/Pulumi.dev-apps.yaml"],
    ["datastroe_id", "pulumi config rm datastroe_id --stack dev-apps, in platform-vm/"],
  ])("of %s comes with what mends it", (key, fix) => {
    expect(mend(key, stack)).toBe(fix);
  });

  it("is a check of its own, and so is what another stack lacks", async () => {
    const problems = ["env", "vms"].map((key) => ({ key, reason: "is odd" }));
    const refused = await attempt("it fits", stack, () => {
      throw new ConfigError("platform-vm", "dev-apps", problems);
    });
    expect(refused).toEqual({ checks: [expect.objectContaining({ found: "is odd" }), expect.anything()] });
    const lacking = await attempt("it is there", stack, () => Promise.reject(new Failure("it is not", "make it")));
    expect(lacking.checks).toEqual([{ what: "it is there", status: "failed", found: "it is not", fix: "make it" }]);
  });

  it("is not what a program did not expect", async () => {
    await expect(attempt("it fits", stack, () => Promise.reject(new TypeError("a bug")))).rejects.toThrow(TypeError);
  });
});

const planned: ProxmoxPlannedVm = {
  ...{ key: "app-01", name: "dev-app-01", role: "app", templateKey: "debian-12", cpuCores: 2, memoryMb: 1024 },
  ...{ diskGb: 8, datastoreId: "local-lvm", nics: [{ bridge: "vnetdev" }], tags: [], onBoot: true, protect: false },
};
const deployed: ProxmoxDeployedVm = { placement: "proxmox", key: "app-01", name: "dev-app-01", diskGb: 8 };

describe("the guards", () => {
  const output = (deployedVms: ProxmoxDeployedVm[], vms: ProxmoxPlannedVm[], permission: boolean | string = false) =>
    guardChecks(stack, deployedVms, { vms, permission }, shrinks(deployedVms, vms)).map(
      ({ status, found, fix }) => `${status} ${found ?? ""} ${fix ?? ""}`,
    );

  it("say what comes in addition, and what is permitted", () => {
    expect(output([], [planned])).toEqual(["ok  "]);
    expect(output([deployed], [planned, { ...planned, key: "app-02" }])).toEqual(["ok in addition: app-02 "]);
    expect(output([deployed], [{ ...planned, key: "app-02" }], true)[0]).toMatch(/^ok allow_vm_set_replace=true/);
  });

  it("fail for what would be taken away, with the permission for that change alone", () => {
    const [gone, smaller] = output([deployed, { ...deployed, key: "app-02" }], [{ ...planned, diskGb: 6 }]);
    expect(gone).toMatch(
      /^failed vm set collision .* pulumi config set allow_vm_set_replace [0-9a-f]{16} --stack dev-apps/,
    );
    expect(smaller).toMatch(/^failed is 6, and the disk has 8 GiB.* edit platform-vm:vms.app-01.disk_size_gb/);
  });
});

test("a pool that would stand somewhere else is refused beside what its set of VMs loses", () => {
  const refused = otherPlacements([deployed], { placement: "libvirt" });
  const [set, moved] = guardChecks(stack, [deployed], { vms: [planned], permission: false }, refused);
  expect(set?.status).toBe("ok");
  expect(moved).toMatchObject({
    status: "failed",
    what: "platform-vm:placement takes nothing away",
    found: expect.stringContaining("is libvirt, and app-01 stand on proxmox"),
  });
});

test("each node needs the storages and bridges of the VMs that it gets, once", () => {
  const placed = { ...planned, template: { vmId: 9000 }, node: "pve1" };
  const elsewhere = { ...placed, key: "app-03", datastoreId: "gold", nics: [], node: "pve2" };
  const needs = nodeNeeds([placed, { ...placed, key: "app-02" }, elsewhere]);
  expect(needs.map(({ node, storages, bridges }) => [node, storages.map(({ id }) => id), bridges])).toEqual([
    ["pve1", ["local-lvm"], ["vnetdev"]],
    ["pve2", ["gold"], []],
  ]);
});

describe("the workstation", () => {
  it("has a key, or is told how to give one", () => {
    operatorHome();
    expect([sshKeyCheck(), publicKeyCheck()].map(({ status }) => status)).toEqual(["ok", "ok"]);
    vi.stubEnv("RUNNER_SSH_KEY_PATH", "");
    expect(sshKeyCheck()).toMatchObject({
      status: "failed",
      fix: expect.stringContaining("export RUNNER_SSH_KEY_PATH="),
    });
    expect(publicKeyCheck()).toMatchObject({ status: "failed", fix: expect.stringContaining("ssh_keys") });
  });

  it("has room for evidence, in a directory that need not be there", async () => {
    const there = mkdtempSync(join(tmpdir(), "holdfast-evidence-"));
    expect(await evidenceCheck(join(there, "not", "yet"))).toMatchObject({ status: "ok" });
    expect(await evidenceCheck("/proc/nowhere")).toMatchObject({
      status: "failed",
      fix: expect.stringContaining("XDG_STATE_HOME"),
    });
  });

  it.each([
    ["", "dev", "ok"],
    ["dev", "dev", "ok"],
    ["dev", undefined, "ok"],
    ["prod", "dev", "failed"],
  ])("with HYOPS_ENV=%s and a stack of %s is %s", (hyopsEnv, own, status) => {
    expect(environmentCheck(hyopsEnv, own).status).toBe(status);
  });
});

describe("a way to the VMs", () => {
  it("shows the host key of a first contact, says later that it is known, and refuses another one", async () => {
    const { key } = operatorHome();
    const first = await sshHost({ allowed: key.public });
    const target = { host: first.host, port: first.port, user: "root", stack: "platform-vm/dev-apps" };
    expect((await routeCheck("the bastion", target)).found).toMatch(
      /^met for the first time, with the host key SHA256:/,
    );
    expect((await routeCheck("the bastion", target)).found).toMatch(/^host key SHA256:\S+, as known$/);
    await first.stop();
    await sshHost({ allowed: key.public, port: target.port });
    const changed = await routeCheck("the bastion", target);
    expect(changed).toMatchObject({ status: "failed", found: expect.stringContaining("changed") });
  });

  it("that does not take the login fails, with the command that looks at it", async () => {
    operatorHome();
    const { host, port } = await sshHost({ allowed: keyPair().public });
    const check = await routeCheck("the jump host", { host, port, user: "ops", stack: "platform-vm/dev-apps" });
    expect(check).toMatchObject({ status: "failed", fix: `look at it with: ssh -p ${port} ops@${host}` });
    expect(check.found).toContain("the login was refused");
  });
});

test("a VM whose host key the stack made is met with that one alone, on any workstation", async () => {
  const { key } = operatorHome();
  const [made, others] = [keyPair(), keyPair()];
  const answer = () => ({ stdout: "status: done\n" });
  const server = await sshHost({ allowed: key.public, hostKey: made, answer });
  const readiness = { ...readinessInput.parse({ target_port: server.port }), user: "ops" };
  const machine = { name: "dev-app-01", id: "", node: "", address: server.host, mac: "", identity: "" };
  const look = async (hostKey: string) => {
    const [check] = await accessChecks(
      "platform-vm/dev-apps",
      { readiness },
      { "app-01": machine },
      { "app-01": hostKey },
    );
    return check;
  };
  expect(await look(others.public)).toMatchObject({ status: "failed", found: expect.stringContaining("changed") });
  expect(await look(made.public)).toMatchObject({ status: "ok", found: "direct" });
});
