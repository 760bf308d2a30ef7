/**
 * The plugin under the real engine: proves create, drift, replace, import and destroy of a registration, secrets in
 * state, and that a run which was cut off leaves no second row. The forge is a fake; the lab ring has a real one.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Engine } from "./engine.ts";
import { FakeForge } from "./fake-forge.ts";

const project = "test/engine/programs/registration";

describe("RunnerRegistration", () => {
  let engine: Engine;
  let forge: FakeForge;
  let url: string;
  let stack: string;
  let count = 0;

  beforeAll(async () => {
    engine = await Engine.open();
  });

  beforeEach(async () => {
    forge = new FakeForge();
    url = await forge.start();
    stack = `s${++count}`;
    await engine.must(project, "stack", "init", stack);
    await engine.must(
      project,
      "config",
      "set-all",
      "--stack",
      stack,
      "--plaintext",
      `url=${url}`,
      "--plaintext",
      "name=runner-1",
      "--secret",
      `token=${forge.apiToken}`,
    );
    return () => forge.close();
  });

  afterAll(() => engine.close());

  const up = () => engine.must(project, "up", "--yes", "--skip-preview", "--stack", stack);
  const preview = (...args: string[]) => engine.pulumi(project, "preview", "--stack", stack, ...args);

  it("changes nothing in a preview", async () => {
    expect((await preview()).exitCode).toBe(0);
    expect(forge.requests.filter((request) => !request.startsWith("GET"))).toEqual([]);
  });

  it("registers once, previews clean afterwards, and deregisters on destroy", async () => {
    await up();
    await up();
    expect(forge.rows).toHaveLength(1);
    expect((await preview("--expect-no-changes")).exitCode).toBe(0);
    const { uuid } = JSON.parse(await engine.must(project, "stack", "output", "--json", "--stack", stack));
    expect(uuid).toBe(forge.rows[0]?.uuid);
    await engine.must(project, "destroy", "--yes", "--skip-preview", "--stack", stack);
    expect(forge.rows).toEqual([]);
  });

  it("keeps every token and private key encrypted in the state, and the minting token out of it altogether", async () => {
    await up();
    const state = await engine.state(project, stack);
    const clear = await engine.must(project, "stack", "export", "--show-secrets", "--stack", stack);
    for (const secret of ["planted-runner-token", "PRIVATE KEY", forge.apiToken]) {
      expect(state).not.toContain(secret);
      expect(clear).toContain(secret);
    }
    expect(clear).not.toContain(forge.mintedToken);
  });

  it("sees a row that was deleted on the forge, and registers again", async () => {
    await up();
    forge.rows.length = 0;
    expect((await preview()).stdout).toMatch(/RunnerRegistration\s+runner\s+create/);
    await up();
    expect(forge.rows).toHaveLength(1);
  });

  it("on Forgejo 15, settles a POST whose answer was lost by the list: one row, the preview clean, none after destroy", async () => {
    let posts = 0;
    const other = new FakeForge({
      version: "15.0.1+gitea-1.22.0",
      fault: ({ method }) => (method === "POST" && ++posts === 1 ? { done: "cut" } : undefined),
    });
    try {
      await engine.must(project, "config", "set", "--stack", stack, "url", await other.start());
      await up();
      expect(posts).toBe(2);
      expect(other.rows.map(({ id }) => id)).toEqual([2]);
      expect((await preview("--expect-no-changes")).exitCode).toBe(0);
      const { uuid } = JSON.parse(await engine.must(project, "stack", "output", "--json", "--stack", stack));
      expect(uuid).toBe(other.rows[0]?.uuid);
      await engine.must(project, "destroy", "--yes", "--skip-preview", "--stack", stack);
      expect(other.rows).toEqual([]);
    } finally {
      other.close();
    }
  });

  it("removes the row that a killed run left behind instead of making a second one", async () => {
    forge.rows.push({ id: 90, uuid: "lost", name: "runner-1", labels: ["holdfast-pending:test.registration.dev"] });
    await up();
    expect(forge.rows.map(({ id }) => id)).toEqual([1]);
  });

  it("refuses a namesake that is not ours, and leaves it alone", async () => {
    forge.rows.push({ id: 90, uuid: "foreign", name: "runner-1", labels: ["fenced"] });
    const { exitCode, stdout } = await engine.pulumi(project, "up", "--yes", "--skip-preview", "--stack", stack);
    expect(exitCode).not.toBe(0);
    expect(stdout).toContain("is not ours");
    expect(forge.rows.map(({ uuid }) => uuid)).toEqual(["foreign"]);
  });

  it("deletes the old row before it registers under a new name", async () => {
    await up();
    await engine.must(project, "config", "set", "--stack", stack, "name", "runner-2");
    expect((await preview()).stdout).toMatch(/runner\s+.*(replace|delete)/);
    await up();
    expect(forge.rows.map(({ name }) => name)).toEqual(["runner-2"]);
    const writes = forge.requests
      .filter((request) => /DELETE|Register$/.test(request))
      .map((request) => request.split("/").at(-1));
    expect(writes).toEqual(["Register", "1", "Register"]);
  });

  it("adopts a registration that was made by hand, from its .runner file, with no change to it", async () => {
    forge.rows.push({ id: 7, uuid: "11111111-1111-4111-8111-111111111111", name: "runner-1", labels: ["fenced"] });
    const directory = mkdtempSync(join(tmpdir(), "holdfast-adopt-"));
    try {
      const file = join(directory, ".runner");
      writeFileSync(
        file,
        JSON.stringify({ uuid: forge.rows[0]?.uuid, name: "runner-1", token: "hand-made-token", address: url }),
        { mode: 0o600 },
      );
      await engine.must(
        project,
        "up",
        "--yes",
        "--skip-preview",
        "--stack",
        stack,
        "--target",
        `urn:pulumi:${stack}::registration::pulumi:providers:holdfast::holdfast`,
      );
      await engine.must(
        project,
        ...["import", "--yes", "--stack", stack, "--generate-code=false", "--protect=false"],
        ...["--provider", `holdfast=urn:pulumi:${stack}::registration::pulumi:providers:holdfast::holdfast`],
        ...["holdfast:forge:RunnerRegistration", "runner", file],
      );
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
    await up();
    expect(forge.rows.map(({ id }) => id)).toEqual([7]);
    const { uuid, token } = JSON.parse(
      await engine.must(project, "stack", "output", "--json", "--show-secrets", "--stack", stack),
    );
    expect({ uuid, token }).toEqual({ uuid: forge.rows[0]?.uuid, token: "hand-made-token" });
    expect(await engine.state(project, stack)).not.toContain("hand-made-token");
  });
});
