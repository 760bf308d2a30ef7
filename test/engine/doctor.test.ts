/**
 * `holdfast doctor host` with the real engine: reads a stack's configuration, secrets, site contract and state as Pulumi
 * keeps them, and says with its exit code whether it could look. Not proven: a host that answers (the lab ring).
 */

import { writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Check } from "../../lib/preflight/check.ts";
import { Engine } from "./engine.ts";

const token = "planted-api-token-0123456789abcdef0123456789";

describe("holdfast doctor host", () => {
  let engine: Engine;
  const set = (key: string, value: string, ...more: string[]) =>
    engine.must("runners", "config", "set", "--stack", "crunchy", ...more, key, value);

  beforeAll(async () => {
    engine = await Engine.open();
    const key = join(engine.directory, "..", "home", "key");
    writeFileSync(key, "no key at all", { mode: 0o600 });
    engine.env.RUNNER_SSH_KEY_PATH = key;
    await engine.must(".", "stack", "init", "shared");
    await engine.must(".", "config", "set", "site.id", "home");
    await engine.must(".", "up", "--yes", "--skip-preview", "--stack", "shared");
    await engine.must("runners", "stack", "init", "crunchy", "--no-select");
    await set("site.stack", "shared");
    await set("host.address", "127.0.0.1");
    await set("host.port", String(await closedPort()));
    await set("forge.url", "http://127.0.0.1:1");
    await set("vm.image.url", "file:///nowhere/image.qcow2");
    await set("forge.token", token, "--secret");
  });

  afterAll(() => engine.close());

  it("shows what failed and what is not known, and exits with 1", async () => {
    const { exitCode, stdout, stderr } = await engine.holdfast("doctor", "host", "crunchy");
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
    expect(stdout).toContain("runners/crunchy on 127.0.0.1");
    expect(stdout).toMatch(/✗ FAILED {3}root@127.0.0.1:\d+ runs commands as root/);
    expect(stdout).toMatch(/✗ FAILED {3}the image can be had/);
    expect(stdout).toMatch(/\? unknown {2}bridge br0 exists/);
    expect(stdout).not.toContain("\u001b[");
    expect(stdout).not.toContain(token);
  });

  it("says the same to machines", async () => {
    const { exitCode, stdout } = await engine.holdfast("doctor", "host", "crunchy", "--json");
    const output = JSON.parse(stdout) as { stack: string; checks: Check[] };
    expect({ exitCode, stack: output.stack }).toEqual({ exitCode: 1, stack: "runners/crunchy" });
    expect(output.checks).toContainEqual(
      expect.objectContaining({ status: "failed", found: expect.stringContaining("which is no usable private key") }),
    );
    expect(stdout).not.toContain(token);
  });

  it("selects no stack and makes no file", async () => {
    const selected = await engine.pulumi("runners", "stack", "--show-name");
    expect(selected.stdout).not.toContain("crunchy");
  });

  it("exits with 2 and every problem when the configuration cannot be used", async () => {
    await set("vm.pol", "images");
    await set("vm.vcpus", "none");
    const { exitCode, stdout, stderr } = await engine.holdfast("doctor", "host", "crunchy");
    for (const key of ["vm.pol", "vm.vcpus"]) await engine.must("runners", "config", "rm", "--stack", "crunchy", key);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain("runners:vm.pol: is not a key of this project; did you mean vm.pool?");
    expect(stderr).toContain("runners:vm.vcpus: expected a whole number");
    expect(stderr).not.toContain("    at ");
  });

  it.each([
    ["a stack that is not there", ["doctor", "host", "nosuch"], "nosuch"],
    ["a name that is none", ["doctor", "host", "../x"], "is no name of a stack"],
    ["a command that is not there", ["doctor", "guest"], "there is no command `holdfast doctor guest`"],
    ["an option that is not there", ["doctor", "host", "crunchy", "--fast"], "--fast"],
  ])("exits with 2 for %s", async (_what, args, output) => {
    const { exitCode, stderr } = await engine.holdfast(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(output);
    expect(stderr).not.toContain("    at ");
  });
});

/** A port of loopback at which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
