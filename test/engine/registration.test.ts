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

const up = ["up", "--yes", "--skip-preview"];
let engine: Engine;
let count = 0;

beforeAll(async () => {
  engine = await Engine.open();
});

afterAll(() => engine.close());

/** A stack for a forge, with nothing deployed. */
async function stackFor(forge: FakeForge) {
  const stack = `s${++count}`;
  const url = await forge.start();
  await engine.init(project, stack, { url, name: "runner-1" }, { token: forge.apiToken });
  return {
    stack,
    url,
    /** Pulumi on the stack; it has to work. */
    run: (...args: string[]) => engine.must(project, ...args, "--stack", stack),
    /** Pulumi on the stack; it may fail. */
    tryTo: (...args: string[]) => engine.pulumi(project, ...args, "--stack", stack),
    outputs: () => engine.outputs(project, stack),
  };
}

/** What was sent to change something. */
const writes = (forge: FakeForge) => forge.requests.filter((request) => !request.startsWith("GET"));

describe("a registration that stands", () => {
  const forge = new FakeForge();
  let stack: Awaited<ReturnType<typeof stackFor>>;

  beforeAll(async () => {
    stack = await stackFor(forge);
    await stack.run(...up);
  });

  afterAll(() => forge.close());

  it("is there once, and changes nothing when it is updated again", async () => {
    const before = writes(forge);
    await stack.run(...up, "--expect-no-changes");
    expect(forge.rows).toHaveLength(1);
    expect(writes(forge)).toEqual(before);
    expect((await stack.outputs()).uuid).toBe(forge.rows[0]?.uuid);
  });

  it("has every token and private key encrypted in the state, and the minting token not at all", async () => {
    const state = await engine.state(project, stack.stack);
    const clear = await stack.run("stack", "export", "--show-secrets");
    for (const secret of ["planted-runner-token", "PRIVATE KEY", forge.apiToken]) {
      expect(state).not.toContain(secret);
      expect(clear).toContain(secret);
    }
    expect(clear).not.toContain(forge.mintedToken);
  });

  it("is missed where its row was deleted on the forge, and made again", async () => {
    forge.rows.length = 0;
    expect((await stack.tryTo("preview")).stdout).toMatch(/RunnerRegistration\s+runner\s+create/);
    await stack.run(...up);
    expect(forge.rows).toHaveLength(1);
  });

  it("is deleted before it is made under a new name, and deregistered by a destroy", async () => {
    const [row] = forge.rows;
    const sofar = forge.requests.length;
    engine.configure(project, stack.stack, { "registration:name": "runner-2" });
    expect((await stack.tryTo("preview")).stdout).toMatch(/runner\s+.*(replace|delete)/);
    await stack.run(...up);
    expect(forge.rows.map(({ name }) => name)).toEqual(["runner-2"]);
    const asked = forge.requests.slice(sofar).filter((request) => /DELETE|Register$/.test(request));
    expect(asked.map((request) => request.split("/").at(-1))).toEqual([String(row?.id), "Register"]);
    await stack.run("destroy", "--yes", "--skip-preview");
    expect(forge.rows).toEqual([]);
  });
});

describe("a registration", () => {
  let forge: FakeForge;

  beforeEach(() => {
    forge = new FakeForge();
    return () => forge.close();
  });

  it("on Forgejo 15, settles a POST whose answer was lost by the list: one row, the preview clean, none after destroy", async () => {
    let posts = 0;
    const other = new FakeForge({
      version: "15.0.1+gitea-1.22.0",
      fault: ({ method }) => (method === "POST" && ++posts === 1 ? { done: "cut" } : undefined),
    });
    try {
      const { run, outputs } = await stackFor(other);
      await run(...up);
      expect(posts).toBe(2);
      expect(other.rows.map(({ id }) => id)).toEqual([2]);
      await run("preview", "--expect-no-changes");
      expect((await outputs()).uuid).toBe(other.rows[0]?.uuid);
      await run("destroy", "--yes", "--skip-preview");
      expect(other.rows).toEqual([]);
    } finally {
      other.close();
    }
  });

  it("removes the row that a killed run left behind instead of making a second one; a preview changes nothing", async () => {
    forge.rows.push({ id: 90, uuid: "lost", name: "runner-1", labels: ["holdfast-pending:test.registration.dev"] });
    const { run } = await stackFor(forge);
    await run("preview");
    expect(writes(forge)).toEqual([]);
    await run(...up);
    expect(forge.rows.map(({ id }) => id)).toEqual([1]);
  });

  it("refuses a namesake that is not ours, and leaves it alone", async () => {
    forge.rows.push({ id: 90, uuid: "foreign", name: "runner-1", labels: ["fenced"] });
    const { exitCode, stdout } = await (await stackFor(forge)).tryTo(...up);
    expect(exitCode).not.toBe(0);
    expect(stdout).toContain("is not ours");
    expect(forge.rows.map(({ uuid }) => uuid)).toEqual(["foreign"]);
  });

  it("adopts a registration that was made by hand, from its .runner file, with no change to it", async () => {
    forge.rows.push({ id: 7, uuid: "11111111-1111-4111-8111-111111111111", name: "runner-1", labels: ["fenced"] });
    const { stack, url, run } = await stackFor(forge);
    const directory = mkdtempSync(join(tmpdir(), "holdfast-adopt-"));
    try {
      const file = join(directory, ".runner");
      writeFileSync(
        file,
        JSON.stringify({ uuid: forge.rows[0]?.uuid, name: "runner-1", token: "hand-made-token", address: url }),
        { mode: 0o600 },
      );
      await run(...up, "--target", `urn:pulumi:${stack}::registration::pulumi:providers:holdfast::holdfast`);
      await run(
        ...["import", "--yes", "--generate-code=false", "--protect=false"],
        ...["--provider", `holdfast=urn:pulumi:${stack}::registration::pulumi:providers:holdfast::holdfast`],
        ...["holdfast:forge:RunnerRegistration", "runner", file],
      );
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
    await run(...up);
    expect(forge.rows.map(({ id }) => id)).toEqual([7]);
    const { uuid, token } = JSON.parse(await run("stack", "output", "--json", "--show-secrets"));
    expect({ uuid, token }).toEqual({ uuid: forge.rows[0]?.uuid, token: "hand-made-token" });
    expect(await engine.state(project, stack)).not.toContain("hand-made-token");
  });
});
