/**
 * The foundation and its contract under the real engine: proves that it needs no plugin and no network, and that a
 * StackReference and a contract file carry the same. Not proven: anything that dials.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Engine } from "./engine.ts";

describe("foundation", () => {
  let engine: Engine;

  beforeAll(async () => {
    engine = await Engine.open();
    const networks = [{ name: "lan", bridge: "br0", cidr: "192.0.2.0/24" }];
    await engine.init(".", "shared", { "site.id": "home", networks });
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
      'ip link set lo up; for args in "preview" "up --yes --skip-preview" "refresh --yes --skip-preview"; do pulumi $args --non-interactive --stack shared || exit 1; done; ip -o link';
    const gone = await execa("unshare", ["--net", "sh", "-c", script], {
      cwd: engine.directory,
      env: { ...process.env, ...engine.env },
      reject: false,
    });
    expect(gone.exitCode, gone.stdout).toBe(0);
    expect(gone.stdout).not.toMatch(/^\d+: (eth|en)/m);
  });

  it("is configured with an engine that still knows a secret when it sees one, wherever its dictionaries are made", async () => {
    const set = (value: string) => engine.pulumi(".", "config", "set", "--stack", "shared", "apiToken", value);
    expect(await set("kJ8fP2zQ9xLm4vRtYabc")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/looks like a secret/),
    });
    expect(await set("3")).toMatchObject({ exitCode: 0 });
    await engine.must(".", "config", "rm", "--stack", "shared", "apiToken");
  });

  it("can be read again after a kill that left the notes of its backend empty, by the command in docs/failover.md", async () => {
    writeFileSync(join(engine.stateDirectory, ".pulumi/stacks/foundation/shared.json.attrs"), "");
    const cancel = () => engine.pulumi(".", "cancel", "--yes", "--stack", "shared");
    expect(await cancel()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("EOF") });
    const command = documented("docs/failover.md", /`(find <backend>[^`]+)`/);
    await execa("sh", ["-c", command.replace("<backend>", engine.stateDirectory)]);
    expect(await cancel()).toMatchObject({ exitCode: 0 });
  });

  it("has no such notes in a backend as the README makes it", async () => {
    const home = engine.env.HOME ?? "";
    mkdirSync(join(home, ".holdfast-state"));
    const url = documented("README.md", /PULUMI_BACKEND_URL="([^"]+)"/).replace("$HOME", home);
    const env = { ...process.env, ...engine.env, PULUMI_BACKEND_URL: url };
    await execa("pulumi", ["stack", "init", "noteless", "--non-interactive"], { cwd: engine.directory, env });
    const files = readdirSync(join(home, ".holdfast-state/.pulumi"), { recursive: true }).map(String);
    expect(files).toContain("stacks/foundation/noteless.json");
    expect(files.filter((name) => name.endsWith(".attrs"))).toEqual([]);
  });

  it("is read by StackReference and by contract file alike", async () => {
    const project = "test/engine/programs/consumer";
    const read = async (stack: string, from: Record<string, string>) => {
      await engine.init(project, stack, from);
      await engine.must(project, "up", "--yes", "--skip-preview", "--stack", stack);
      return engine.outputs(project, stack);
    };
    const byStack = await read("by-stack", { stack: "shared" });
    const file = join(engine.directory, "site.json");
    writeFileSync(file, await engine.must(".", "stack", "output", "site", "--json", "--stack", "shared"));
    expect(byStack).toEqual({ siteId: "home", bridges: ["br0"] });
    expect(await read("by-file", { file })).toEqual(byStack);
  });

  it("names stack, field and command when the producer is missing", async () => {
    const project = "test/engine/programs/consumer";
    await engine.init(project, "orphan", { stack: "nowhere" });
    const { exitCode, stdout } = await engine.pulumi(project, "preview", "--stack", "orphan");
    expect(exitCode).not.toBe(0);
    expect(stdout).toContain("organization/foundation/nowhere");
    expect(stdout).toContain("pulumi up --stack nowhere");
  });

  it("refuses bad configuration with every problem at once, and without repeating a value", async () => {
    await engine.init(".", "bad", { "site.id": "Not-Legal", "site.evn": "hunter2", naming: { prefix: "CHANGE_ME" } });
    const { exitCode, stdout } = await engine.pulumi(".", "preview", "--stack", "bad");
    expect(exitCode).not.toBe(0);
    for (const part of ["foundation:site.id", "did you mean site.env", "pulumi config set naming.prefix"])
      expect(stdout).toContain(part);
    for (const value of ["Not-Legal", "hunter2"]) expect(stdout).not.toContain(value);
  });
});

/** What a document of this checkout has between a pattern's brackets. */
function documented(file: string, pattern: RegExp): string {
  const found = pattern.exec(readFileSync(join(import.meta.dirname, "../..", file), "utf8"))?.[1];
  if (found === undefined) throw new Error(`${file} has nothing like ${pattern}`);
  return found;
}
