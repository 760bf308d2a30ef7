/**
 * Blueprint files, stack files, environments, locks, and the status of a stack: everything about blueprints that needs no
 * engine.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { changesIn, failureIn, isLockOf } from "../../../../cli/blueprint/engine.ts";
import { environmentOf } from "../../../../cli/blueprint/environment.ts";
import { readBlueprint, shippedRefs } from "../../../../cli/blueprint/file.ts";
import { loadBlueprint, soundBlueprint } from "../../../../cli/blueprint/load.ts";
import { BlueprintLock, type LockHolder } from "../../../../cli/blueprint/lock.ts";
import { placeOf } from "../../../../cli/blueprint/record.ts";
import { differingKeys, readStackFile, writeStackFile } from "../../../../cli/blueprint/stack-file.ts";
import { judge, type StateFacts } from "../../../../cli/stack-state.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "blueprint-"));
  vi.stubEnv("XDG_STATE_HOME", directory);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

const write = (text: string) => {
  const file = join(directory, "blueprint.yml");
  writeFileSync(file, text);
  return { file };
};
const refusal = (text: string, env = "dev") => {
  try {
    soundBlueprint(write(text), env);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("nothing was refused");
};
const head = "kind: Blueprint\nref: test/flow@v1\nsteps:\n";

describe("a blueprint file", () => {
  it("is refused with every mistake, its line, and what to do", () => {
    const text = `${head}  - id: a
    project: nosuch
  - id: pool
    project: platform-vm
    requires: [b]
    config:
      cpu_cors: 2
      disk_size_gb: none
      proxmox.token: root@pam!x=00000000-0000-0000-0000-000000000000
      vms:
        runner-01: { interfaces: [{ bridge: vnetmgmt, ipv4: { address: CHANGE_ME_IP, gateway: 10.0.0.1 } }] }
`;
    const message = refusal(text);
    expect(message).toContain("nothing was changed");
    for (const line of [
      "line 5: steps.a.project: there is no project nosuch in this checkout",
      "line 8: steps.pool.requires: there is no step b; there are a, pool",
      "line 10: steps.pool.config.cpu_cors: is not a key of this project; did you mean cpu_cores?",
      "line 11: steps.pool.config.disk_size_gb: expected a whole number",
      "line 12: steps.pool.config.proxmox.token: is a secret, and no blueprint holds one; name it in secrets, and: holdfast secrets ensure platform-vm/dev-pool",
      "still holds a placeholder; put the real value in",
    ]) {
      expect(message).toContain(line);
    }
    expect(message).not.toContain("00000000-0000");
  });

  it.each([
    [
      "an unknown field",
      `${head}  - { id: a, project: runners, require: [] }\n`,
      "line 4: steps.0.require: is no field",
    ],
    ["no YAML", "kind: [", "is no blueprint"],
    ["a key that is there twice", `${head}  - { id: a, id: b, project: runners }\n`, "line 4: DUPLICATE_KEY"],
    ["another kind", "kind: Other\nref: a/b@v1\nsteps: []\n", "line 1: kind: expected Blueprint"],
  ])("with %s is refused", (_what, text, output) => {
    expect(refusal(text)).toContain(output);
  });

  it("that is not there says how to make one", () => {
    expect(() => readBlueprint({ file: join(directory, "nosuch.yml") })).toThrow("holdfast blueprint init");
    expect(() => readBlueprint({ ref: "networking/nosuch@v1" })).toThrow("networking/onprem-ops-runner@v1");
    expect(() => readBlueprint({})).toThrow("--ref");
  });
});

describe("networking/onprem-ops-runner@v1", () => {
  const ref = "networking/onprem-ops-runner@v1";

  it("is shipped, with the steps and names of its runbook", () => {
    expect(shippedRefs()).toContain(ref);
    const { plan } = loadBlueprint({ ref }, "dev");
    expect(plan.steps.map(({ id, project, stack }) => `${id} ${project}/${stack}`)).toEqual([
      "template_image_ubuntu_22_04 template-image/dev-template-image-ubuntu-22-04",
      "onprem_ops_runner platform-vm/dev-onprem-ops-runner",
      "onprem_ops_runner_bootstrap ops-runner/dev-onprem-ops-runner-bootstrap",
    ]);
    expect(plan.steps.map(({ skip_if_state_ok, force_run }) => [skip_if_state_ok, force_run])).toEqual([
      [true, false],
      [true, false],
      [false, true],
    ]);
    expect(plan.steps[1]?.config).toMatchObject({
      ...{ env: "dev", name_prefix: "platform-shared", require_ipam: false, ssh_proxy_jump_user: "root" },
      template_state_ref: "template-image/dev-template-image-ubuntu-22-04",
    });
    expect(plan.steps[2]?.config).toMatchObject({ "vms.stack": "dev-onprem-ops-runner", vm_key: "runner-01" });
  });

  it("waits for its two placeholders, and for nothing else that its projects can say", () => {
    const { problems } = loadBlueprint({ ref }, "dev");
    const of = "steps.onprem_ops_runner.config.vms.runner-01.interfaces.0.ipv4";
    expect(problems.filter(({ placeholder }) => placeholder).map(({ at }) => at)).toEqual([
      `${of}.address`,
      `${of}.gateway`,
    ]);
    const path = readBlueprint({ ref }).path;
    const text = readFileSync(path, "utf8");
    const filled = text
      .replace("address: CHANGE_ME_RUNNER_IP_CIDR", "address: 10.10.0.5/24")
      .replace("gateway: CHANGE_ME_RUNNER_GATEWAY", "gateway: 10.10.0.1");
    expect(loadBlueprint(write(filled), "dev").problems).toEqual([]);
  });
});

describe("the environment", () => {
  it.each([
    ["dev", "", "dev"],
    [undefined, "dev", "dev"],
    ["dev", "dev", "dev"],
  ])("of --env %s and HYOPS_ENV %j is %s", (flag, variable, env) => {
    expect(environmentOf(flag, variable)).toBe(env);
  });

  it("is refused where two say different things, or nobody says it", () => {
    expect(() => environmentOf("dev", "prod")).toThrow("--env is dev, and HYOPS_ENV says prod; nothing was changed");
    expect(() => environmentOf(undefined, "")).toThrow("--env dev");
    expect(() => environmentOf("../x", "")).toThrow("is no name of an environment");
  });
});

describe("a stack file", () => {
  const place = { project: "runners", stack: `unit-${process.pid}` };
  const path = readStackFile(place).path;
  afterEach(() => rmSync(path, { force: true }));

  it("gets what differs, and keeps comments, secrets and other keys", () => {
    writeFileSync(
      path,
      'encryptionsalt: v1:x\nconfig:\n  # mine\n  runners:a: 1 # here\n  runners:token:\n    secure: v1:abc\n  other:b: 2\n  runners:vms: \'{"x":{"n":1}}\'\n',
      { mode: 0o640 },
    );
    const wanted = { a: "1", vms: { x: { n: 1 } }, c: [1, "two"] };
    expect(differingKeys(readStackFile(place), wanted)).toEqual(["c"]);
    expect(writeStackFile(place, wanted)).toEqual(["c"]);
    const text = readFileSync(path, "utf8");
    for (const kept of ["# mine", "runners:a: 1 # here", "secure: v1:abc", "other:b: 2", "encryptionsalt: v1:x"])
      expect(text).toContain(kept);
    expect(readStackFile(place)).toMatchObject({ values: { c: [1, "two"] }, present: { token: "secret", a: "clear" } });
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(writeStackFile(place, wanted)).toEqual([]);
  });

  it("of another environment refuses the blueprint", () => {
    writeFileSync(path, "config:\n  runners:env: prod\n");
    const text = `${head}  - id: a\n    project: runners\n    stack: ${place.stack}\n`;
    expect(refusal(text)).toContain(`stack runners/${place.stack} is of the environment prod, and dev is asked for`);
  });
});

describe("the lock", () => {
  const ref = "test/flow@v1";
  const take = () => BlueprintLock.take(ref, "dev", "run-2", "deploy");
  const leave = (changes: Partial<LockHolder>) => {
    const path = `${placeOf(ref, "dev")}.lock`;
    mkdirSync(join(path, ".."), { recursive: true });
    const holder = { pid: process.pid, started: "" };
    const began = new Date(Date.now() - 600_000).toISOString();
    const content: LockHolder = { run: "run-1", verb: "deploy", owner: "ann", host: hostname(), began, holder };
    writeFileSync(path, JSON.stringify({ ...content, ...changes }));
    return path;
  };
  const dead = () => ({ pid: spawnSync("true").pid, started: "1" });

  it("is one process's at a time, and is free afterwards", async () => {
    const lock = await take();
    await expect(take()).rejects.toThrow(/is at work: deploy by \S+ on \S+ \(pid \d+, run run-2\), for \d+ s/);
    lock.release();
    (await take()).release();
  });

  it("says who holds it and for how long", async () => {
    leave({});
    await expect(take()).rejects.toThrow(/deploy by ann on .*, for 10 min; nothing was changed/);
  });

  it("of a dead process is taken over, also when its number is another process's now", async () => {
    leave({ holder: dead() });
    (await take()).release();
    leave({ holder: { pid: process.pid, started: "1" } });
    (await take()).release();
  });

  it("of a dead process whose Pulumi is at work is not", async () => {
    leave({ holder: dead(), pulumi: { pid: process.pid, started: "", step: "one" } });
    await expect(take()).rejects.toThrow("was killed, and its pulumi");
  });

  it("of another host is not, and says what to remove once nothing runs there", async () => {
    const path = leave({ host: "elsewhere", holder: dead() });
    await expect(take()).rejects.toThrow(`rm ${path}`);
  });
});

describe("what Pulumi says", () => {
  const locked = (pid: number, host = hostname()) =>
    `error: the stack is currently locked by 1 lock(s). Either wait…\n  file:///s/x.json: created by ann@${host} (pid ${pid}) at 2026-01-01`;

  it("is shortened to what changed, or to what failed", () => {
    const text =
      "Updating (dev):\n\n\nOutputs:\n    a: 1\n\nResources:\n    + 2 created\n    1 unchanged\n\nDuration: 3s\n";
    expect(changesIn(text)).toBe("2 created, 1 unchanged");
    expect(changesIn("error: no stack")).toBeUndefined();
    expect(failureIn("Updating\n\nDiagnostics:\n  thing:\n    error: why\n\nResources:\n    1 unchanged\n")).toBe(
      "thing:\n    error: why",
    );
    expect(failureIn("error: no stack")).toBe("error: no stack");
  });

  it("of a stack's lock counts as ours only for a process of ours that is dead", () => {
    const ours = { pid: 7, host: hostname() };
    expect(isLockOf(locked(7), ours)).toBe(true);
    expect(isLockOf(locked(8), ours)).toBe(false);
    expect(isLockOf(locked(7, "elsewhere"), ours)).toBe(false);
    expect(isLockOf(`${locked(7)}\n${locked(8)}`, ours)).toBe(false);
    expect(isLockOf(locked(7), undefined)).toBe(false);
    expect(isLockOf("error: something else (pid 7)", ours)).toBe(false);
  });
});

describe("the status of a stack", () => {
  const resource = { urn: "urn:pulumi:dev::p::t::thing", type: "t" };
  const last = { kind: "update", result: "succeeded", startTime: "2026-01-01T10:00", endTime: "2026-01-01T10:05" };
  const facts: StateFacts = { resources: [resource], pending: 0, last, atWork: false };

  it.each<[string, string, Partial<StateFacts>]>([
    ["a green update", "ok", {}],
    ["a later step that failed before Pulumi began", "error", { step: { status: "error", began: "2026-01-01T11:00" } }],
    ["an earlier step that failed", "ok", { step: { status: "error", began: "2026-01-01T09:00" } }],
    ["an update that failed", "error", { last: { ...last, result: "failed" } }],
    ["a gate that failed", "error", { resources: [{ ...resource, initErrors: ["vm-1: unreachable"] }] }],
    ["drift", "error", { resources: [{ ...resource, outputs: { drift: ["unready"] } }] }],
    ["operations that were cut off", "error", { pending: 1 }],
    ["a blueprint at work", "running", { atWork: true }],
    ["another update at work", "running", { last: { ...last, result: "in-progress" } }],
    ["a destroy", "destroyed", { resources: [], last: { ...last, kind: "destroy" } }],
    ["nothing", "absent", { resources: [], last: undefined }],
  ])("of %s is %s", (_what, status, changes) => {
    expect(judge({ ...facts, ...changes }).status).toBe(status);
  });
});
