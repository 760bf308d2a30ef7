/**
 * The test of a new template: its steps, its evidence, that its clone is destroyed whatever happens, and what becomes of a
 * template that fails.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { ProxmoxOptions } from "../../../../lab/proxmox/simulator.ts";
import { login, publicKey } from "../../../../provider/proxmox/smoke-login.ts";
import { initFailure, raw } from "../../../fixtures/provider-client.fixture.ts";
import { pluginOnProxmox } from "../../../fixtures/proxmox-plugin.fixture.ts";
import { keyPair, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const type = "holdfast:proxmox:TemplateSmoke";
const owner = "home.template-image.dev";

beforeEach(() => {
  operatorHome();
});

async function template(changes: object = {}, options: ProxmoxOptions = {}) {
  const plugin = await pluginOnProxmox(options);
  const { proxmox, engine } = plugin;
  const vmId = proxmox.addTemplate({
    name: "ubuntu-24.04-template",
    config: { tags: `holdfast.${owner};ubuntu-24.04`, ide2: "local-lvm:cloudinit", ipconfig0: "ip=dhcp" },
  });
  const inputs = {
    ...{ node: "pve1", vmId, templateName: "ubuntu-24.04-template", owner, key: "ubuntu-24.04" },
    ...{ digest: `sha256:${"ab".repeat(32)}`, stack: "template-image/dev" },
    ...{ required: true, timeout_s: 1, clone_timeout_s: 10, ssh_login: "off", ssh_username: "opsadmin", ...changes },
  };
  const report = (state: Record<string, unknown>) =>
    JSON.parse(readFileSync(join(String(state.evidenceDir), "template_smoke.json"), "utf8")).templates["ubuntu-24.04"];
  return {
    ...plugin,
    vmId,
    inputs,
    report,
    create: async () => raw((await engine.create(type, inputs)).getProperties()),
    /** What a failing test leaves. */
    failing: async () => initFailure(await engine.create(type, inputs).catch((error: unknown) => error)),
    others: () => proxmox.vms().filter(({ vmid }) => vmid !== vmId),
    sent: (path: RegExp) => proxmox.requests.filter((request) => request.method !== "GET" && path.test(request.path)),
  };
}

const stepsOf = (report: { steps: { step: string; status: string }[] }) =>
  report.steps.map(({ step, status }) => `${step} ${status}`);

test("a clone boots, answers and is destroyed; the evidence says so", async () => {
  const { create, report, others, vmId, sent } = await template();
  const state = await create();
  expect(state).toMatchObject({ status: "ok", runId: expect.stringMatching(/^\d{8}T/) });
  expect(others()).toEqual([]);
  const found = report(state);
  expect(stepsOf(found)).toEqual([
    "sweep ok",
    "clone ok",
    "start ok",
    "guest_agent_ip ok",
    "guest_agent_osinfo skipped",
    "ssh_login skipped",
    "cleanup ok",
  ]);
  expect(found).toMatchObject({
    ...{ enabled: true, required: true, status: "ok", template_key: "ubuntu-24.04", template_vmid: vmId, warnings: [] },
    ...{ smoke_vm_ip: "192.0.2.100", smoke_vmid: expect.any(Number) },
    smoke_name: expect.stringMatching(/^template-smoke-ubuntu-24\.04-[0-9a-f]{6}$/),
  });
  // Linked, and under an id that the cluster gave.
  expect(sent(/clone$/)[0]?.fields).toEqual({ newid: `${found.smoke_vmid}`, name: found.smoke_name });
});

describe("a test that fails", () => {
  test("for want of an agent says which images have none, keeps the template and is not ready", async () => {
    const { proxmox, failing, others, report, engine, inputs } = await template();
    proxmox.faults.silenceAgent();
    const { properties, reasons, id } = await failing();
    expect(reasons[0]).toMatch(
      /^post-build template smoke validation failed: the guest agent gave no address within 1 s: QEMU guest agent is not running\. The images of Ubuntu and Debian come without qemu-guest-agent.* \(set inputs\.post_build_smoke\.required=false to warn-only, or inputs\.post_build_smoke\.enabled=false to disable\)/,
    );
    expect(others()).toEqual([]);
    expect(stepsOf(report(properties))).toEqual([
      "sweep ok",
      "clone ok",
      "start ok",
      "guest_agent_ip error",
      "cleanup ok",
    ]);
    const read = await engine.read(type, id, properties, inputs);
    expect(raw(read.getProperties()).drift).toEqual(["the template's last test failed"]);
  });

  test("and is not required is a warning, and no drift", async () => {
    const { proxmox, create, engine, inputs } = await template({ required: false });
    proxmox.faults.failTask({ type: "qmstart", error: "start failed: QEMU exited with code 1" });
    const state = await create();
    expect(state.status).toBe("error");
    expect(raw((await engine.read(type, "smoke", state, inputs)).getProperties()).drift).toEqual([]);
  });

  test.each([
    ["a clone that the cluster refuses", "clone", "clone failed: storage went away"],
    ["a clone that does not start", "start", "start failed: QEMU exited with code 1"],
  ])("by %s leaves no clone", async (_what, step, error) => {
    const { proxmox, failing, others } = await template();
    proxmox.faults.failTask({ type: `qm${step}`, error });
    expect((await failing()).reasons[0]).toContain(error);
    expect(others()).toEqual([]);
  });

  test("because an answer got lost leaves no clone: it is found by its name", async () => {
    const { proxmox, failing, others, vmId } = await template();
    proxmox.faults.drop({ method: "POST", path: `/nodes/pve1/qemu/${vmId}/clone`, when: "after" });
    expect((await failing()).reasons[0]).toContain("does not answer");
    expect(others()).toEqual([]);
  });

  test("because the cluster clones for too long waits for it, and leaves no clone", async () => {
    const { proxmox, failing, others } = await template({ clone_timeout_s: 0.1 });
    proxmox.faults.slowTask({ type: "qmclone", delayMs: 400 });
    expect((await failing()).reasons[0]).toContain("task qmclone of 100 on node pve1 did not end within 0 s");
    expect(others()).toEqual([]);
  });

  test("at its clean-up names what is left, and the next one takes it away", async () => {
    const { proxmox, failing, others, create } = await template();
    proxmox.faults.failTask({ type: "qmdestroy", error: "storage went away" });
    expect((await failing()).reasons[0]).toMatch(
      /clone template-smoke-\S+ may still be there; .*qm destroy \d+ on pve1/,
    );
    expect(others()).toHaveLength(1);
    await create();
    expect(others()).toEqual([]);
  });
});

test("an id that somebody else took in between is asked for anew", async () => {
  const { proxmox, create, vmId, others } = await template();
  const taken = `unable to create VM 101: config file already exists`;
  proxmox.faults.refuse({ method: "POST", path: `/nodes/pve1/qemu/${vmId}/clone`, message: taken, times: 2 });
  expect((await create()).status).toBe("ok");
  expect(others()).toEqual([]);
});

test("nobody else's VM is destroyed, whatever it is called", async () => {
  const { proxmox, create, engine, inputs, others } = await template();
  const names = ["template-smoke-ubuntu-24.04-mine", "mail"];
  const ids = names.map((name) => proxmox.addTemplate({ name, config: { tags: "holdfast.home.template-image.prod" } }));
  for (const id of ids) proxmox.vm(id).config.template = 0;
  await create();
  await engine.delete(type, "smoke", { ...inputs, status: "ok", runId: "", evidenceDir: "" });
  expect(others().map(({ vmid }) => vmid)).toEqual(ids);
});

test("deleting it takes away what a killed test left, so that nothing holds the template", async () => {
  const { engine, inputs, others, task, vmId } = await template();
  const name = "template-smoke-ubuntu-24.04-abcdef";
  await task("POST", `/nodes/pve1/qemu/${vmId}/clone`, { newid: "700", name });
  await engine.delete(type, "smoke", { ...inputs, status: "ok", runId: "", evidenceDir: "" });
  expect(others()).toEqual([]);
});

describe("the login", () => {
  test("has the operator's key put on the clone, and is skipped and said to be where it is out of reach", async () => {
    const { create, report, proxmox, vmId } = await template({ ssh_login: "if-reachable" });
    const state = await create();
    const found = report(state);
    expect(stepsOf(found)).toContain("ssh_login skipped");
    expect(found.warnings).toEqual([expect.stringContaining("this machine does not reach 192.0.2.100")]);
    const settings = proxmox.requests.find(({ method, path }) => method === "PUT" && !path.includes(`/${vmId}/`));
    expect(settings?.fields).toMatchObject({ ciuser: "opsadmin", ipconfig0: "ip=dhcp" });
  });

  test("that is required and out of reach fails", async () => {
    const { failing } = await template({ ssh_login: "required" });
    expect((await failing()).reasons[0]).toContain("SSH login as opsadmin on 192.0.2.100 failed: tcp:");
  });

  test("that is required needs a key, before anything is made", async () => {
    vi.stubEnv("RUNNER_SSH_KEY_PATH", "");
    const { failing, sent } = await template({ ssh_login: "required" });
    expect((await failing()).reasons[0]).toContain("RUNNER_SSH_KEY_PATH");
    expect(sent(/clone$/)).toEqual([]);
  });

  const never = new AbortController().signal;

  test("succeeds with the key, and keeps no host key behind", async () => {
    const key = publicKey();
    const host = { ...(await sshHost({ allowed: String(key), answer: () => ({ stdout: "status: done\n" }) })) };
    const clone = { name: "template-smoke-x", host: host.host, port: host.port, user: "opsadmin" };
    expect(await login(clone, 1, never)).toEqual({ status: "ok", reason: "" });
    // Another clone under the same address has another host key.
    await host.stop();
    const next = await sshHost({ port: host.port, answer: () => ({ stdout: "status: done\n" }) });
    expect(await login({ ...clone, port: next.port }, 1, never)).toEqual({ status: "ok", reason: "" });
  });

  test("that is refused is an error with its stage", async () => {
    const host = await sshHost({ allowed: keyPair().public });
    const clone = { name: "template-smoke-x", host: host.host, port: host.port, user: "opsadmin" };
    expect(await login(clone, 1, never)).toMatchObject({
      status: "error",
      reason: expect.stringContaining("authentication"),
    });
  });
});
