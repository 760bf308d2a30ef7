/**
 * What a preflight says of an operations runner: of its stack's configuration and contracts, and of a VM whose SSH server
 * answers from a table. That nothing is changed on the VM: every command that it gets is one that only looks.
 */
import { expect, test } from "vitest";
import type { Pulumi } from "../../../../cli/pulumi.ts";
import { opsRunnerLooks } from "../../../../cli/stacks/ops-runner.ts";
import { Failure } from "../../../../lib/failure.ts";
import { opsRunnerLook } from "../../../../provider/runner/operations-checks.ts";
import type { OperationsInputs } from "../../../../resources/runner/operations-toolchain.ts";
import { type Answer, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const owner = "home.ops-runner.dev-onprem";
const inputs: OperationsInputs = {
  ...{ owner, vm: "runner-01", identity: "sha256:1", direct: true, timeoutSeconds: 20, waitSeconds: 0 },
  target: { host: "127.0.0.1", port: 22, user: "opsadmin", stack: "ops-runner/dev-onprem" },
  ...{ state: "present", prefix: "/opt/hybridops/core", os: "ubuntu-lts", systemLink: true, gatewayPorts: false },
};
const ubuntu = { osId: "ubuntu", osVersion: "24.04.1 LTS (Noble Numbat)", osName: "Ubuntu 24.04.1 LTS" };

/** A VM that says this of itself, with so many kilobytes free. */
function vm(says: Record<string, string>, free = 10_000_000): (command: string) => Answer {
  const lines = Object.entries(says).map(([name, value]) => `${name}=${value}\n`);
  return (command) => {
    if (command.includes("df -Pk")) return { stdout: `head\n/dev/vda1 0 0 ${free} 1% /\n` };
    return command.includes("/etc/os-release") ? { stdout: lines.join("") } : { stdout: "status: done\n" };
  };
}

async function lookAt(answer: (command: string) => Answer, changes: Partial<OperationsInputs> = {}) {
  const { key } = operatorHome();
  const host = await sshHost({ allowed: key.public, answer });
  const { route, there } = await opsRunnerLook({
    ...inputs,
    ...changes,
    target: { ...inputs.target, port: host.port },
  });
  return { route, there, received: host.received, words: there.map(({ status, found }) => `${status}: ${found}`) };
}

test("a VM that has all is ready, and was only looked at", async () => {
  const { route, words, received } = await lookAt(vm(ubuntu));
  expect(route).toMatchObject({ status: "ok", found: "direct" });
  expect(words).toEqual(["ok: Ubuntu 24.04.1 LTS", "ok: free", "ok: 10240 MB free on /, 550 MB needed"]);
  const changing = /\b(rm|mv|cp|mkdir|tee|install|touch|ln|chmod|chown|apt)\b|[^2&]>(?!\/dev\/null|&)/;
  expect(received.map(({ command }) => command).filter((command) => changing.test(command))).toEqual([]);
});

test.each([
  ["another system", { osId: "rocky", osName: "Rocky Linux 9" }, 0, /^failed: .*pinned to Ubuntu LTS.*Rocky Linux 9$/],
  ["somebody else's prefix", { ...ubuntu, filled: "bin" }, 1, /^failed: .*something in it that holdfast did not put/],
  [
    "another stack's runner",
    { ...ubuntu, filled: "releases", marker: JSON.stringify({ owner: "home.ops-runner.prod" }) },
    ...([1, /^failed: .* belongs to home\.ops-runner\.prod$/] as const),
  ],
] as const)("%s is said, and what to do", async (_what, says, index, words) => {
  const { there, words: found } = await lookAt(vm(says));
  expect(found[index]).toMatch(words);
  expect(there[index]?.fix).toMatch(/template_key|runner_install_prefix/);
});

test("a full disk fails where nothing is installed, warns where something is, and is no matter where the release is", async () => {
  const sha256 = "ab".repeat(32);
  const installed = { ...ubuntu, current: sha256, marker: JSON.stringify({ owner }), filled: "x" };
  expect((await lookAt(vm(ubuntu, 1000))).words[2]).toBe("failed: 1 MB free on /, 550 MB needed");
  expect((await lookAt(vm(installed, 1000))).words[2]).toMatch(/^warning: 1 MB free/);
  expect((await lookAt(vm(installed, 1000), { release: { sha256 } })).words[2]).toBe("ok: it is there already");
});

test("a VM that refuses the key is said with the way that was tried", async () => {
  operatorHome();
  const host = await sshHost({ allowed: "ssh-ed25519 AAAA" });
  const { route, there } = await opsRunnerLook({ ...inputs, target: { ...inputs.target, port: host.port } });
  expect(route).toMatchObject({ status: "failed", what: "runner-01 takes the login of opsadmin" });
  expect(route.found).toMatch(/connectivity check failed/);
  expect(there).toEqual([]);
});

const place = { project: "ops-runner", stack: "dev-onprem" };
const contract = {
  ...{ contract: "vms@1", env: "dev", status: "ok", evidenceDir: "", runId: "" },
  vms: {
    "runner-01": {
      ...{ vmId: 201, name: "platform-shared-runner-01", node: "pve1", address: "192.0.2.41", mac: "" },
      identity: `sha256:${"1".repeat(64)}`,
    },
  },
};

/** Pulumi with one stack of this configuration, beside a pool that exports this. */
function pulumiWith(values: Record<string, string>, vms: unknown): Pulumi {
  const config = Object.fromEntries(Object.entries(values).map(([key, value]) => [`ops-runner:${key}`, { value }]));
  const ask = async ({ project }: typeof place, [command = ""]: string[]) => {
    if (command === "config") return JSON.stringify(config);
    if (project === "ops-runner") return JSON.stringify({ deployment: {} });
    if (vms === undefined) throw new Failure("there is no such output");
    return JSON.stringify(vms);
  };
  return { ask } as unknown as Pulumi;
}

async function stackLook(values: Record<string, string>, vms: unknown) {
  const seen: string[] = [];
  const {
    plan,
    vm,
    "ssh-route": [route],
  } = await opsRunnerLooks(pulumiWith(values, vms), place, async ({ target }) => {
    seen.push(target.host);
    return { route: { what: "way", status: "ok" }, there: [{ what: "there", status: "ok" }] };
  });
  const required = [...plan, ...vm];
  const failed = required.filter(({ status }) => status === "failed");
  return {
    seen,
    route,
    failed: failed.map(({ found, fix }) => `${found}; ${fix}`),
    names: required.map((one) => one.what),
  };
}

test("a stack is looked at as its program understands it, then its VM", async () => {
  const { seen, failed, names, route } = await stackLook({ "vms.stack": "dev-onprem-ops-runner" }, contract);
  expect({ seen, failed }).toEqual({ seen: ["192.0.2.41"], failed: [] });
  expect(names).toContain("the VMs' contract is there (dev-onprem-ops-runner)");
  expect(names.at(-1)).toBe("there");
  expect(route).toMatchObject({ status: "ok" });
});

test.each([
  ["a key that nobody knows", { "vms.stack": "pool", prefix: "/x" }, contract, /prefix/],
  ["a pool that was not deployed", { "vms.stack": "pool" }, undefined, /exports no vms .*pulumi up --stack pool/],
  ["something that is no contract", { "vms.stack": "pool" }, { contract: "vms@0" }, /not vms@1/],
  ["a VM that the pool does not have", { "vms.stack": "pool", vm_key: "runner-02" }, contract, /has no runner-02/],
  ["no pool", {}, contract, /inventory_state_ref is required/],
])("%s is said, and no VM is looked at", async (_what, values, vms, words) => {
  const { seen, failed, route } = await stackLook(values as Record<string, string>, vms);
  expect(failed.join("\n")).toMatch(words);
  expect({ seen, route }).toEqual({ seen: [], route: undefined });
});
