/**
 * Evidence under the real engine: that a plain `pulumi up` leaves it for success, for failure and when the engine is
 * killed, that a preview leaves none, and that none of the secrets of a registration is in it.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import type { Run } from "../../provider/evidence/recorder.ts";
import { Engine } from "./engine.ts";
import { FakeForge } from "./fake-forge.ts";

const project = "test/engine/programs/registration";
const up = ["up", "--yes", "--skip-preview"];

describe("evidence", () => {
  let engine: Engine;
  let forge: FakeForge;

  beforeAll(async () => {
    engine = await Engine.open();
    forge = new FakeForge();
    await configure("good", await forge.start());
  });

  afterAll(() => {
    forge.close();
    engine.close();
  });

  async function configure(stack: string, url: string): Promise<void> {
    await engine.init(project, stack, { url, name: "runner-1" }, { token: forge.apiToken });
  }

  /** Directories of a stack's runs. */
  function runs(stack: string): string[] {
    const directory = join(engine.env.XDG_STATE_HOME ?? "", "holdfast", "evidence", "registration", stack);
    if (!existsSync(directory)) return [];
    const entries = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return entries.map(({ name }) => join(directory, name));
  }
  const read = (directory: string) => JSON.parse(readFileSync(join(directory, "run.json"), "utf8")) as Run;
  const gist = (run: Run) =>
    run.steps.map(({ type, operation, outcome }) => `${operation} ${type.split(":")[2]} ${outcome}`);
  const verify = (stack: string) => engine.holdfast("evidence", "verify", "--latest", "registration", stack);

  it("is not left by a preview", async () => {
    await engine.must(project, "preview", "--stack", "good");
    expect(runs("good")).toEqual([]);
    expect((await verify("good")).exitCode).toBe(2);
  });

  it("tells of success and of failure, without a secret, and verifies until somebody touches it", async () => {
    await engine.must(project, ...up, "--stack", "good");
    const first = runs("good");
    expect(first.map(read).flatMap(gist).sort()).toEqual(["create HostKey ok", "create RunnerRegistration ok"]);
    expect(first.map(read).flatMap(({ steps }) => steps.map(({ identities }) => identities.runnerUuid))).toContain(
      forge.rows[0]?.uuid,
    );
    forge.rows.push({ id: 90, uuid: "foreign", name: "runner-2", labels: ["fenced"] });
    await engine.must(project, "config", "set", "--stack", "good", "name", "runner-2");
    expect((await engine.pulumi(project, ...up, "--stack", "good")).exitCode).not.toBe(0);
    const steps = runs("good")
      .filter((run) => !first.includes(run))
      .map(read)
      .flatMap(({ steps }) => steps);
    expect(steps).toContainEqual(
      expect.objectContaining({
        operation: "create",
        outcome: "failed",
        error: expect.stringContaining("is not ours"),
      }),
    );

    const written = runs("good").flatMap((run) =>
      readdirSync(run).map((name) => readFileSync(join(run, name), "utf8")),
    );
    for (const secret of [forge.apiToken, forge.mintedToken, "planted-runner-token", "PRIVATE KEY"]) {
      expect(written.join("\n")).not.toContain(secret);
    }

    expect(await verify("good")).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("is as it was written"),
    });
    const list = await engine.holdfast("evidence", "list", "registration", "good");
    expect(list).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/intact {2}.*1 failed/) });
    const latest = runs("good").sort().at(-1) ?? "";
    writeFileSync(join(latest, "run.json"), "{}");
    expect(await engine.holdfast("evidence", "verify", latest)).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("run.json has 2 bytes"),
    });
    expect(await engine.holdfast("evidence", "list", "registration", "good")).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("DIFFERS"),
    });
  });

  it("tells what was going on when the engine was killed", async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      silent.closeAllConnections();
      silent.close();
    });
    await configure("killed", `http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    const running = execa("pulumi", [...up, "--non-interactive", "--stack", "killed"], {
      cwd: join(engine.directory, project),
      env: { ...process.env, ...engine.env },
      reject: false,
      stdin: "ignore",
    });
    const begun = () => runs("killed").map(read).flatMap(gist);
    await vi.waitFor(() => expect(begun()).toContain("create RunnerRegistration undefined"), { timeout: 60_000 });
    running.kill("SIGKILL");
    await running;
    expect(begun().sort()).toEqual(["create HostKey ok", "create RunnerRegistration undefined"]);
    expect((await verify("killed")).exitCode).toBe(0);
    const list = await engine.holdfast("evidence", "list", "registration", "killed");
    expect(list.stdout).toMatch(/intact {2}.*1 not finished/);
  });
});
