/**
 * The foundation and its contract under the real engine: proves that it needs no plugin and no network, and that a
 * StackReference and a contract file carry the same. Not proven: anything that dials.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Engine } from "./engine.ts";

describe("foundation", () => {
  let engine: Engine;

  beforeAll(async () => {
    engine = await Engine.open();
    await engine.must(".", "stack", "init", "shared");
    await engine.must(".", "config", "set", "site.id", "home");
    await engine.must(".", "config", "set", "networks", '[{"name":"lan","bridge":"br0","cidr":"192.0.2.0/24"}]');
    await engine.must(".", "up", "--yes", "--skip-preview", "--stack", "shared");
  });

  afterAll(() => engine.close());

  it("registers nothing but its stack: no provider, no resource", async () => {
    const { deployment } = JSON.parse(await engine.state(".", "shared"));
    expect(deployment.resources.map((resource: { type: string }) => resource.type)).toEqual(["pulumi:pulumi:Stack"]);
    expect(await engine.must(".", "plugin", "ls", "--json")).toBe("[]");
  });

  it.skipIf(process.getuid?.() !== 0)("previews, deploys and refreshes with every network gone", async () => {
    // A network namespace of its own, with nothing in it but loopback, over which engine and program talk.
    const script =
      'ip link set lo up; for args in "preview" "up --yes" "refresh --yes"; do pulumi $args --non-interactive --stack shared || exit 1; done; ip -o link';
    const gone = await execa("unshare", ["--net", "sh", "-c", script], {
      cwd: engine.directory,
      env: { ...process.env, ...engine.env },
      reject: false,
    });
    expect(gone.exitCode, gone.stdout).toBe(0);
    expect(gone.stdout).not.toMatch(/^\d+: (eth|en)/m);
  });

  it("is read by StackReference and by contract file alike", async () => {
    const project = "test/engine/programs/consumer";
    await engine.must(project, "stack", "init", "by-stack");
    await engine.must(project, "config", "set", "stack", "shared");
    await engine.must(project, "up", "--yes", "--skip-preview", "--stack", "by-stack");
    const byStack = await engine.must(project, "stack", "output", "--json", "--stack", "by-stack");

    const file = join(engine.directory, "site.json");
    writeFileSync(file, await engine.must(".", "stack", "output", "site", "--json", "--stack", "shared"));
    await engine.must(project, "stack", "init", "by-file");
    await engine.must(project, "config", "set", "file", file);
    await engine.must(project, "up", "--yes", "--skip-preview", "--stack", "by-file");
    const byFile = await engine.must(project, "stack", "output", "--json", "--stack", "by-file");

    expect(JSON.parse(byStack)).toEqual({ siteId: "home", bridges: ["br0"] });
    expect(JSON.parse(byFile)).toEqual(JSON.parse(byStack));
  });

  it("names stack, field and command when the producer is missing", async () => {
    const project = "test/engine/programs/consumer";
    await engine.must(project, "stack", "init", "orphan");
    await engine.must(project, "config", "set", "stack", "nowhere");
    const { exitCode, stdout } = await engine.pulumi(project, "preview", "--stack", "orphan");
    expect(exitCode).not.toBe(0);
    expect(stdout).toContain("organization/foundation/nowhere");
    expect(stdout).toContain("pulumi up --stack nowhere");
  });

  it("refuses bad configuration with every problem at once, and without repeating a value", async () => {
    await engine.must(".", "stack", "init", "bad");
    await engine.must(".", "config", "set", "--stack", "bad", "site.id", "Not-Legal");
    await engine.must(".", "config", "set", "--stack", "bad", "site.evn", "hunter2");
    await engine.must(".", "config", "set", "--stack", "bad", "--path", "naming.prefix", "CHANGE_ME");
    const { exitCode, stdout } = await engine.pulumi(".", "preview", "--stack", "bad");
    expect(exitCode).not.toBe(0);
    for (const part of ["foundation:site.id", "did you mean site.env", "pulumi config set naming.prefix"])
      expect(stdout).toContain(part);
    for (const value of ["Not-Legal", "hunter2"]) expect(stdout).not.toContain(value);
  });
});
