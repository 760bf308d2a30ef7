/**
 * `holdfast:proxmox:TemplateSmoke`: the test of a new template. A clone boots, its agent gives an address, SSH takes a login,
 * and the clone is destroyed, whatever came of it. A template that fails is kept, and the next update tries it again.
 */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { proxmoxTag } from "../../lib/owner-mark.ts";
import { type Fields, proxmoxApi } from "../../lib/proxmox/api.ts";
import { type SmokeInputs, type SmokeState, templateSmokeKind } from "../../resources/proxmox/template-smoke.ts";
import { implement, NotReady, type Operation } from "../kind.ts";
import { agentAddress, bootClone, destroyClone, makeClone, smokePrefix, testClones } from "./smoke-clone.ts";
import { login, publicKey } from "./smoke-login.ts";

/** Bound on the clean-up, which goes on when the update is cancelled. */
const cleanUpMs = 420_000;

export const templateSmoke = implement(templateSmokeKind, {
  async create(given, operation) {
    const id = `${given.node}/${given.vmId}/smoke`;
    return { id, state: await tryTemplate(id, given, operation) };
  },

  async read(id, state) {
    if (!state) throw new Error("the test of a template cannot be imported; `pulumi up` tries it anew");
    const { status, runId: _, evidenceDir: __, drift: ___, stateVersion: ____, ...known } = state;
    const given = templateSmokeKind.inputs.parse(known);
    const drift = status === "error" && given.required ? ["the template's last test failed"] : [];
    return { id, inputs: given, state: { ...state, drift } };
  },

  update: (id, _state, given, operation) => tryTemplate(id, given, operation),

  /** A test that was killed may have left its clone, which would hold the template. */
  async delete(_id, { key, owner }, operation) {
    const api = proxmoxApi(operation);
    for (const clone of await testClones(api, key, owner)) await destroyClone(api, clone);
  },
});

/** One step of a test, as it stands in the evidence. */
interface SmokeStep {
  step: string;
  status: "ok" | "error" | "skipped";
  [fact: string]: unknown;
}

/** Everything that a test found out. */
interface SmokeReport {
  steps: SmokeStep[];
  warnings: string[];
  facts: Record<string, unknown>;
}

async function tryTemplate(id: string, given: SmokeInputs, operation: Operation): Promise<SmokeState> {
  const report: SmokeReport = { steps: [], warnings: [], facts: {} };
  const name = `${smokePrefix(given.key)}${randomBytes(3).toString("hex")}`;
  report.facts.smoke_name = name;
  const failure = await runTest(given, name, report, operation).then(
    () => undefined,
    (error: Error) => error,
  );
  const cleanUp = await cleanUpAfter(given, report, operation);
  const error = failure ?? cleanUp;
  const evidence = operation.attachEvidence({ "template_smoke.json": evidenceOf(given, report, failure, cleanUp) });
  for (const warning of report.warnings) operation.log("warning", `${given.templateName}: ${warning}`);
  const state: SmokeState = {
    ...given,
    status: error ? "error" : "ok",
    runId: evidence?.run ?? "",
    evidenceDir: evidence?.directory ?? "",
  };
  if (!error) return state;
  const hint =
    "set inputs.post_build_smoke.required=false to warn-only, or inputs.post_build_smoke.enabled=false to disable";
  const where = evidence ? `; steps and times: ${evidence.directory}/template_smoke.json` : "";
  const message = `post-build template smoke validation failed: ${error.message} (${hint})${where}`;
  if (given.required) throw new NotReady(message, id, state, { cause: error });
  operation.log("warning", message);
  return state;
}

async function runTest(given: SmokeInputs, name: string, report: SmokeReport, operation: Operation): Promise<void> {
  const { node, timeout_s: seconds } = given;
  const { signal } = operation;
  const api = proxmoxApi(operation);
  const key = given.ssh_login === "off" ? new Error("ssh_login is off") : publicKey();
  if (key instanceof Error && given.ssh_login === "required") throw key;
  const step = stepper(report, operation);

  await step("sweep", async () => {
    const left = await testClones(api, given.key, given.owner);
    for (const clone of left) await destroyClone(api, clone);
    return { destroyed: left.map(({ vmid }) => vmid) };
  });
  const { smoke_vmid: vmid } = await step("clone", async () => {
    const made = await makeClone(api, given, name, given.clone_timeout_s * 1000);
    return { smoke_vmid: made };
  });
  await step("start", async () => {
    await bootClone(api, node, vmid, cloudInit(given, key));
    return {};
  });
  const { smoke_vm_ip: address } = await step("guest_agent_ip", async () => {
    const found = await agentAddress(api, node, vmid, seconds, signal);
    return { smoke_vm_ip: found.address, guest_agent_network: found.interfaces };
  });
  await api.get(`/nodes/${node}/qemu/${vmid}/agent/get-osinfo`, z.object({ result: z.unknown() })).then(
    ({ result }) => {
      report.facts.guest_osinfo = result;
      report.steps.push({ step: "guest_agent_osinfo", status: "ok" });
    },
    (error: Error) => report.steps.push({ step: "guest_agent_osinfo", status: "skipped", reason: error.message }),
  );
  await logIn(given, name, address, key, report, operation);
}

/** What the clone gets besides what its template has. */
function cloudInit({ owner, ssh_username }: SmokeInputs, key: string | Error): Fields {
  return {
    tags: [proxmoxTag(owner), "smoke"].sort().join(";"),
    onboot: 0,
    ipconfig0: "ip=dhcp",
    ...(key instanceof Error ? {} : { ciuser: ssh_username, sshkeys: encodeURIComponent(key) }),
  };
}

async function logIn(
  given: SmokeInputs,
  name: string,
  address: string,
  key: string | Error,
  report: SmokeReport,
  operation: Operation,
): Promise<void> {
  const { ssh_login: mode, ssh_username: user, timeout_s: seconds } = given;
  if (key instanceof Error) {
    report.steps.push({ step: "ssh_login", status: "skipped", reason: key.message });
    if (mode !== "off") report.warnings.push(`no SSH login was tried: ${key.message}`);
    return;
  }
  operation.log("status", `logging in to ${user}@${address}`);
  const { status, reason } = await login({ name, host: address, port: 22, user }, seconds, operation.signal);
  if (status === "unreachable" && mode === "if-reachable") {
    report.steps.push({ step: "ssh_login", status: "skipped", reason });
    report.warnings.push(`no SSH login was tried: this machine does not reach ${address} (${reason})`);
    return;
  }
  report.steps.push({ step: "ssh_login", status: status === "ok" ? "ok" : "error", ...(reason ? { reason } : {}) });
  if (status !== "ok") throw new Error(`SSH login as ${user} on ${address} failed: ${reason}`);
}

/** Destroys what the test made, also when it was cancelled: the clone has no other owner. */
async function cleanUpAfter(given: SmokeInputs, report: SmokeReport, operation: Operation): Promise<Error | undefined> {
  const api = proxmoxApi({ config: operation.config, signal: AbortSignal.timeout(cleanUpMs) });
  try {
    const left = await testClones(api, given.key, given.owner);
    for (const clone of left) await destroyClone(api, clone);
    report.steps.push({ step: "cleanup", status: "ok", destroyed: left.map(({ vmid }) => vmid) });
    return undefined;
  } catch (error) {
    const reason = (error as Error).message;
    report.steps.push({ step: "cleanup", status: "error", reason });
    const { smoke_name: name, smoke_vmid: vmid = "of its id" } = report.facts;
    const advice = `the test's clone ${name} may still be there; the next update removes it, or: qm destroy ${vmid} on ${given.node}`;
    return new Error(`${reason}; ${advice}`);
  }
}

/** Runs steps one after another and writes down how each ended and how long it took. */
function stepper({ steps, facts }: SmokeReport, operation: Operation) {
  return async <T extends Record<string, unknown>>(step: string, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const seconds = () => Math.round((performance.now() - began) / 100) / 10;
    operation.log("status", `testing: ${step}`);
    try {
      const found = await work();
      Object.assign(facts, found);
      steps.push({ step, status: "ok", seconds: seconds() });
      return found;
    } catch (error) {
      steps.push({ step, status: "error", seconds: seconds(), reason: (error as Error).message });
      throw error;
    }
  };
}

/** Reports of this process by stack and template key: one run, one file, whatever the number of templates. */
const reports = new Map<string, Record<string, SmokeEvidence>>();

/** A report as it stands in the evidence, in the reference's terms. */
type SmokeEvidence = { status: "ok" | "error" } & Record<string, unknown>;

/** `template_smoke.json` with this report in it. */
function evidenceOf(
  given: SmokeInputs,
  { steps, warnings, facts }: SmokeReport,
  failure: Error | undefined,
  cleanUp: Error | undefined,
): string {
  const { required, key, templateName, vmId, timeout_s, clone_timeout_s, ssh_login, ssh_username } = given;
  const templates = reports.get(given.stack) ?? {};
  reports.set(given.stack, templates);
  templates[key] = {
    enabled: true,
    required,
    template_key: key,
    template_name: templateName,
    template_vmid: vmId,
    digest: given.digest,
    status: failure || cleanUp ? "error" : "ok",
    steps,
    config: { timeout_s, clone_timeout_s, ssh_login, ssh_username },
    ...facts,
    ...(failure ? { error: failure.message } : {}),
    ...(cleanUp ? { cleanup_error: cleanUp.message } : {}),
    warnings,
  };
  const status = Object.values(templates).every((one) => one.status === "ok") ? "ok" : "error";
  return `${JSON.stringify({ status, templates }, null, 2)}\n`;
}
