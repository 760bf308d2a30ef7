/**
 * What is decided about an operations runner from configuration, pool and site, and what is refused.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { ConfigError, parseConfig } from "../../../lib/config/strict.ts";
import { produce } from "../../../lib/contracts/contract.ts";
import { runnerContract } from "../../../lib/contracts/runner.ts";
import type { Site } from "../../../lib/contracts/site.ts";
import type { Vms } from "../../../lib/contracts/vms.ts";
import { opsRunnerConfig } from "../../../ops-runner/config.ts";
import { planRunner, type RunnerPlan } from "../../../ops-runner/plan.ts";
import { contractOf } from "../../../ops-runner/runner.ts";

const place = { project: "ops-runner", stack: "dev-onprem" };
const identity = `sha256:${"ab".repeat(32)}`;
const digest = "cd".repeat(32);
const site: Site = {
  ...{ contract: "site@1", siteId: "home", env: "shared", zone: "Lab 1", networks: [], gcpProjects: {}, naming: {} },
  authorities: {
    proxmox: { url: "https://pve.example.org:8006", address: "192.0.2.5", port: 2222, hostKey: "ssh-ed25519 AAAA" },
  },
};

function pool(changes: Partial<Vms["vms"][string]> = {}, env = "dev"): Vms {
  const vm = { vmId: 210, name: "platform-shared-runner-01", node: "pve1", address: "10.10.0.15", mac: "" };
  const vms = { "runner-01": { ...vm, identity, ...changes } };
  return { contract: "vms@1", env, vms, status: "ok", evidenceDir: "", runId: "" };
}

type Values = Record<string, string>;
const base: Values = { "vms.stack": "dev-runner" };

function plan(changes: Values = {}, vms: Vms | undefined = pool(), from?: Site, hyopsEnv = ""): RunnerPlan {
  const config = parseConfig(place.project, place.stack, opsRunnerConfig, { ...base, ...changes });
  return planRunner(config, from, vms, place, hyopsEnv);
}

function problems(...args: Parameters<typeof plan>): string[] {
  try {
    plan(...args);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ key, reason }) => `${key}: ${reason}`);
    throw error;
  }
}

test("by default: the documented prefix and user, straight, else over the site's Proxmox host as root, failing back", () => {
  const { toolchain, release, facts } = plan({}, pool({ hostKey: "ssh-ed25519 BBBB" }), site);
  expect(toolchain).toEqual({
    ...{ owner: "home.ops-runner.dev-onprem", vm: "runner-01", identity, direct: true, state: "present" },
    target: {
      ...{ host: "10.10.0.15", port: 22, user: "opsadmin", hostKey: "ssh-ed25519 BBBB" },
      stack: "platform-vm/dev-runner",
    },
    bastion: {
      ...{ host: "192.0.2.5", port: 2222, user: "root", hostKey: "ssh-ed25519 AAAA" },
      stack: "platform-vm/dev-runner",
    },
    ...{ timeoutSeconds: 5, waitSeconds: 60, prefix: "/opt/hybridops/core", os: "ubuntu-lts" },
    ...{ systemLink: true, gatewayPorts: false },
  });
  expect(release).toEqual({ kind: "checkout", root: undefined, tools: ["proxmoxve"] });
  expect(facts).toMatchObject({ env: "dev", place: "onprem", direction: "failback", failureDomain: "lab-1" });
});

test("without the pool's stack, host keys are this stack's own", () => {
  const config = parseConfig(place.project, place.stack, opsRunnerConfig, { "vms.file": "vms.json" });
  expect(planRunner(config, undefined, pool(), place).toolchain.target.stack).toBe("ops-runner/dev-onprem");
});

test("a cloud has no Proxmox host: it is not looked for, and asking for it is refused", () => {
  const { toolchain, facts } = plan({ place: "gcp" }, pool(), site);
  expect(toolchain.bastion).toBeUndefined();
  expect(facts).toMatchObject({ place: "gcp", direction: "failover" });
  expect(problems({ place: "gcp", ssh_proxy_jump_auto: "true", "bastion.address": "192.0.2.5" }, pool(), site)).toEqual(
    [
      expect.stringMatching(/^ssh_proxy_jump_auto: is for VMs behind a Proxmox host, and the place is gcp/),
      expect.stringMatching(/^bastion\.address: is a Proxmox host/),
    ],
  );
});

test("an explicit bastion is the only way, and has to be named", () => {
  const { toolchain } = plan(
    { ssh_access_mode: "bastion-explicit", ssh_proxy_jump_host: "bastion.example.org", ssh_proxy_jump_user: "ops" },
    pool(),
    site,
  );
  expect(toolchain).toMatchObject({ direct: false, jump: { host: "bastion.example.org", user: "ops", port: 22 } });
  expect(toolchain.bastion).toBeUndefined();
  expect(problems({ ssh_access_mode: "bastion-explicit" })).toEqual([
    "ssh_proxy_jump_host: is required with inputs.ssh_access_mode=bastion-explicit",
  ]);
});

test("an archive needs its digest, and is not built from a checkout as well", () => {
  const url = "https://releases.example.org/holdfast.tar.gz";
  const archive = { runner_release_archive_url: url, runner_release_archive_sha256: `sha256:${digest}` };
  expect(plan(archive).release).toEqual({ kind: "archive", url, sha256: digest });
  expect(problems({ runner_release_archive_url: url, runner_release_root: "/srv/holdfast" })).toEqual([
    expect.stringMatching(/^runner_release_archive_url: and runner_release_root are mutually exclusive/),
    expect.stringMatching(/^runner_release_archive_sha256: is required with an archive/),
  ]);
  expect(problems({ runner_release_archive_sha256: `sha256:${digest}` })).toEqual([
    expect.stringMatching(/^runner_release_archive_url: is required/),
  ]);
});

test("what is to be absent needs no release, and says that it is absent", () => {
  const absent = plan({ runner_state: "absent" });
  expect(absent.release).toBeUndefined();
  const run = { hostKey: "ssh-ed25519 CCCC", evidenceDir: "/e", runId: "r" };
  const gone = produce(runnerContract, contractOf(absent, undefined, run));
  expect(gone).toMatchObject({ capability: "absent", status: "absent", releaseDigest: "" });
  const there = produce(runnerContract, contractOf(plan({}, pool(), site), digest, run));
  expect(there).toMatchObject({
    ...{ capability: "ready", status: "ok", releaseDigest: `sha256:${digest}`, prefix: "/opt/hybridops/core" },
    vm: { key: "runner-01", name: "platform-shared-runner-01", address: "10.10.0.15", identity },
    access: {
      ...{ user: "opsadmin", port: 22, hostKey: "ssh-ed25519 CCCC", direct: true },
      bastion: { host: "192.0.2.5", port: 2222, user: "root" },
    },
  });
});

test("the environment is said, and two who say different things are an error", () => {
  expect(plan({}, pool({}, "")).facts.env).toBe("");
  expect(plan({}, pool(), undefined, "dev").facts.env).toBe("dev");
  expect(problems({ env: "dev" }, pool({}, "dev"), undefined, "prod")).toEqual([
    expect.stringMatching(/^env: the configuration says dev, HYOPS_ENV says prod, the pool says dev; unset HYOPS_ENV/),
  ]);
});

test("a pool that is not named, has no such VM, or knows no address of it, says so", () => {
  const config = parseConfig(place.project, place.stack, opsRunnerConfig, {});
  expect(() => planRunner(config, undefined, undefined, place)).toThrow(
    /ops-runner:vms\.stack: inputs\.inventory_state_ref is required \(expected a runner VM-producing state\)/,
  );
  expect(problems({ vm_key: "runner-07" })).toEqual([
    expect.stringMatching(/^vm_key: .*at least one host: the pool has no runner-07, it has runner-01$/),
  ]);
  expect(problems({}, pool({ address: "" }))).toEqual([expect.stringMatching(/no address of runner-01/)]);
});

test("a pool whose runner is at an address of the site's own machines is refused", () => {
  expect(problems({}, pool({ address: "192.0.2.5" }), site)[0]).toMatch(
    /^vm_key: the pool says that runner-01 is at 192\.0\.2\.5, .* this is the host of Proxmox VE: nothing is installed there/,
  );
});

test("every mistake is told at once", () => {
  const wrong = {
    ...{ "vms.file": "vms.json", vm_key: "nobody", env: "prod", place: "gcp", ssh_proxy_jump_auto: "true" },
    ...{ ssh_access_mode: "bastion-explicit", runner_release_archive_url: "https://example.org/a.tar.gz" },
    ...{ "site.id": "other" },
  };
  expect(problems(wrong, pool(), site).map((line) => line.split(":")[0])).toEqual([
    ...["vms.file", "vm_key", "env", "ssh_proxy_jump_auto", "ssh_proxy_jump_host", "ssh_proxy_jump_auto"],
    ...["runner_release_archive_sha256", "site.id"],
  ]);
});

test.each([
  ["target_port", "0", "inputs.target_port must be a positive integer"],
  ["ssh_access_mode", "gcp-iap", "inputs.ssh_access_mode must be one of: direct, bastion-explicit"],
  ["runner_state", "gone", "inputs.runner_state must be one of: present, absent"],
  ["runner_install_prefix", "opt/x", "must be an absolute path when set"],
  ["runner_install_prefix", "/opt", "two plain names or more"],
  ["runner_install_prefix", "/opt/../etc", "two plain names or more"],
  ["runner_release_root", "here", "must be an absolute path when set"],
  ["runner_release_archive_url", "gs://bucket/a.tar.gz", "must start with https://, http://, or file://"],
  ["runner_release_archive_url", "https://me:pw@example.org/a", "without user or query"],
  ["runner_release_archive_url", "https://example.org/a?sig=hunter2", "without user or query"],
  ["runner_release_archive_sha256", digest, "must use format sha256:<hex>"],
  ["runner_tools", "gitea", "expected one of proxmoxve, libvirt"],
])("%s %j is refused", (key, value, words) => {
  const refused = () => parseConfig(place.project, place.stack, opsRunnerConfig, { ...base, [key]: value });
  expect(refused).toThrow(words);
  expect(refused).not.toThrow("hunter2");
});

test("the example is what the schema takes, but for what has to be filled in", () => {
  const file = join(import.meta.dirname, "../../../stacks/ops-runner/Pulumi.example.yaml");
  const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
  const values = Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key.replace("ops-runner:", ""), String(value)]),
  );
  const example = () => parseConfig(place.project, place.stack, opsRunnerConfig, values);
  expect(example).toThrow(/^configuration of stack .*\n {2}- ops-runner:vms\.stack: still holds a placeholder[^\n]*$/);
});
