/**
 * What a program reads of its own last checkpoint, under the real engine: nothing before the first update, and its
 * registration afterwards, beside which the state has secrets. Volumes are read by the same call (the lab ring has some).
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { Engine } from "./engine.ts";
import { FakeForge } from "./fake-forge.ts";

const project = "test/engine/programs/registration";
let engine: Engine;
let forge: FakeForge;

beforeAll(async () => {
  [engine, forge] = [await Engine.open(), new FakeForge()];
  await engine.init(project, "dev", { url: await forge.start(), name: "runner-1" }, { token: forge.apiToken });
});

afterAll(() => {
  forge.close();
  engine.close();
});

it("sees no registration before there is one, and its own afterwards", async () => {
  const outputs = async () => {
    await engine.must(project, "up", "--yes", "--skip-preview", "--stack", "dev");
    return engine.outputs(project, "dev");
  };
  const first = await outputs();
  expect(first.uuid).toBe(forge.rows[0]?.uuid);
  expect(first.recordedUuid ?? null).toBeNull();
  expect((await outputs()).recordedUuid).toBe(first.uuid);
});
